import type { TargetedSubmitEvent } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Session, ShareLink } from "../../protocol/api.ts";
import { MAX_NAME_CHARACTERS } from "../../protocol/limits.ts";
import type { Role } from "../../protocol/link.ts";
import { ApiError, createLink } from "../api.ts";
import { CopyBox } from "../copy-box.tsx";
import { Dialog } from "../dialog.tsx";
import { Segments } from "../segments.tsx";
import { absoluteMinute } from "../time.ts";
import "./share.css";
import { ShareLinks } from "./share-links.tsx";
import { endOfLink, LIVES, ROLES, roleSentence, sessionEndsFirst, USES } from "./share-wishes.ts";
import { useLinks } from "./use-links.ts";

type ShareDialogProps = { session: Session; onClose(): void };
type MadeLink = ShareLink & { url: string };

/** Makes links that let others in, and takes them back. */
export function ShareDialog({ session, onClose }: ShareDialogProps) {
  const [made, setMade] = useState<MadeLink | null>(null);
  const links = useLinks(session.session_id);
  const onRevoked = (linkId: string) => {
    // What does not work any more is not there to be copied.
    if (linkId === made?.link_id) setMade(null);
  };
  return (
    <Dialog title="Share this desktop" onClose={onClose} testId="share-dialog">
      {made ? (
        <Made link={made} session={session} onAnother={() => setMade(null)} />
      ) : (
        <MakeLink
          session={session}
          onMade={(link) => {
            setMade(link);
            links.refresh();
          }}
        />
      )}
      <ShareLinks session={session} links={links} onRevoked={onRevoked} />
    </Dialog>
  );
}

type MakeLinkProps = { session: Session; onMade(link: MadeLink): void };

function MakeLink({ session, onMade }: MakeLinkProps) {
  const [role, setRole] = useState<Role>(ROLES[0]?.value ?? "view");
  const [ttlSeconds, setTtlSeconds] = useState<number | null>(LIVES[1]?.value ?? null);
  const [maxUses, setMaxUses] = useState<number | null>(1);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const label = useRef<HTMLInputElement>(null);
  const labelId = useId();
  const roleId = useId();
  useEffect(() => label.current?.focus(), []);

  const make = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy || ttlSeconds === null) return;
    setBusy(true);
    setProblem(null);
    try {
      const name = label.current?.value.trim() || null;
      onMade(await createLink(session.session_id, { role, label: name, ttlSeconds, maxUses }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setProblem(error.message);
      setBusy(false);
    }
  };

  return (
    <form class="share-form" onSubmit={make} aria-busy={busy} noValidate>
      <div class="share-field">
        <label for={labelId}>
          Label <span class="optional">(optional)</span>
        </label>
        <input
          id={labelId}
          ref={label}
          maxLength={MAX_NAME_CHARACTERS}
          autocomplete="off"
          placeholder="Who is it for?"
          data-testid="share-label"
        />
      </div>
      <div class="share-field">
        <Segments
          legend="Whoever opens it"
          choices={ROLES}
          value={role}
          onChange={setRole}
          describedBy={roleId}
        />
        <p class="hint" id={roleId} role="status" data-testid="role-sentence">
          {roleSentence(role, session.control)}
        </p>
      </div>
      <div class="share-choices">
        <Segments
          legend="It works for"
          choices={LIVES}
          value={ttlSeconds}
          onChange={setTtlSeconds}
        />
        <Segments
          legend="Browsers it lets in"
          choices={USES}
          value={maxUses}
          onChange={setMaxUses}
        />
      </div>
      {ttlSeconds !== null && sessionEndsFirst(session, ttlSeconds, Date.now()) && (
        <p class="hint" role="status">
          This session ends on {absoluteMinute(session.expires_at)}, and the link with it.
        </p>
      )}
      <p class="error" role="alert">
        {problem}
      </p>
      <div class="actions">
        <button type="submit" class="button primary" aria-disabled={busy} data-testid="make-link">
          {busy ? "Making it…" : "Make a link"}
        </button>
      </div>
    </form>
  );
}

type MadeProps = { link: MadeLink; session: Session; onAnother(): void };

function Made({ link, session, onAnother }: MadeProps) {
  return (
    <div class="share-form">
      <p role="status">The link is ready. Copy it now: it is not shown again.</p>
      <CopyBox text={link.url} autoFocus testId="share-url" buttonTestId="copy-link" />
      <p class="hint">
        {roleSentence(link.role, session.control)}{" "}
        {link.max_uses === null
          ? "It lets in any number of browsers"
          : link.max_uses === 1
            ? "It lets in one browser, which may come back,"
            : `It lets in ${link.max_uses} browsers, which may come back,`}{" "}
        until {absoluteMinute(endOfLink(link, session))}.
      </p>
      <div class="actions">
        <button type="button" class="button" onClick={onAnother} data-testid="another-link">
          Make another
        </button>
      </div>
    </div>
  );
}
