import { useEffect, useRef, useState } from "preact/hooks";
import type { Session, ShareLink } from "../../protocol/api.ts";
import { ApiError, revokeLink } from "../api.ts";
import { absolute, absoluteMinute } from "../time.ts";
import { endOfLink, ROLES, usesSentence } from "./share-wishes.ts";
import type { Links } from "./use-links.ts";

type ShareLinksProps = { session: Session; links: Links; onRevoked(linkId: string): void };

/** The links of a session, each with what takes it back. */
export function ShareLinks({ session, links, onRevoked }: ShareLinksProps) {
  const [busy, setBusy] = useState<string | null>(null);
  const [said, setSaid] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const list = useRef<HTMLUListElement>(null);
  const title = useRef<HTMLHeadingElement>(null);
  /** Which row's button had the keyboard when it went. */
  const [goneRow, setGoneRow] = useState<{ index: number } | null>(null);
  useEffect(() => {
    if (!goneRow) return;
    const buttons = list.current?.querySelectorAll("button") ?? [];
    (buttons[Math.min(goneRow.index, buttons.length - 1)] ?? title.current)?.focus();
  }, [goneRow]);

  const revoke = async (link: ShareLink, index: number) => {
    if (busy !== null) return;
    setBusy(link.link_id);
    setProblem(null);
    try {
      await revokeLink(session.session_id, link.link_id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // It was over in the meantime: that is what was asked for.
      if (error.code !== "no_such_link") {
        setProblem(error.message);
        return setBusy(null);
      }
    }
    links.forget(link.link_id);
    onRevoked(link.link_id);
    setSaid(`${nameOf(link)} is revoked. Whoever came by it is disconnected.`);
    setGoneRow({ index });
    setBusy(null);
  };

  const { items } = links;
  return (
    <section class="share-links" aria-labelledby="share-links-title">
      <h3 id="share-links-title" ref={title} tabIndex={-1}>
        Links to this session
      </h3>
      <p class="error" role="alert">
        {problem ?? links.problem}
      </p>
      {items === null ? (
        !links.problem && <p class="hint">Looking…</p>
      ) : items.length === 0 ? (
        <p class="hint">None yet.</p>
      ) : (
        <ul ref={list}>
          {items.map((link, index) => (
            <li key={link.link_id} class="share-link" data-testid="link">
              <span class="share-link-text">
                <span class="share-link-name">{nameOf(link)}</span>
                <span class="hint" title={absolute(endOfLink(link, session))}>
                  <span class="share-link-role">{nameOfRole(link)}</span> · {usesSentence(link)} ·
                  until {absoluteMinute(endOfLink(link, session))}
                </span>
              </span>
              <button
                type="button"
                class="button danger"
                aria-label={`Revoke ${nameOf(link)}`}
                aria-disabled={busy !== null}
                onClick={() => revoke(link, index)}
                data-testid="revoke"
              >
                {busy === link.link_id ? "Revoking…" : "Revoke"}
              </button>
            </li>
          ))}
        </ul>
      )}
      <p class="hint share-said" role="status" data-testid="share-said">
        {said}
      </p>
    </section>
  );
}

function nameOf(link: ShareLink): string {
  return link.label ?? "Link without a label";
}

function nameOfRole(link: ShareLink): string | undefined {
  return ROLES.find(({ value }) => value === link.role)?.label;
}
