import type { TargetedSubmitEvent } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { NewApiKey, PersonRole } from "../../protocol/api.ts";
import { MAX_NAME_CHARACTERS } from "../../protocol/limits.ts";
import { createKey } from "../access-api.ts";
import { CopyBox } from "../copy-box.tsx";
import { Dialog } from "../dialog.tsx";
import { Segments } from "../segments.tsx";
import { explainOrSignIn } from "../sign-in-again.ts";

const ROLES: readonly { label: string; value: PersonRole; means: string }[] = [
  {
    label: "Viewer",
    value: "viewer",
    means: "Sees hosts, sessions and desktops; changes nothing.",
  },
  {
    label: "Operator",
    value: "operator",
    means: "Opens, shares and ends sessions, and runs jobs.",
  },
  { label: "Admin", value: "admin", means: "All of that, and gives keys and sign-ins." },
];

type MakeKeyProps = { onMade(): void; onClose(): void };

/** Makes an API key, and shows it this once. */
export function MakeKey({ onMade, onClose }: MakeKeyProps) {
  const [role, setRole] = useState<PersonRole>("operator");
  const [made, setMade] = useState<NewApiKey | null>(null);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const name = useRef<HTMLInputElement>(null);
  const [nameId, meansId] = [useId(), useId()];
  useEffect(() => name.current?.focus(), []);

  const make = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const wanted = name.current?.value.trim() ?? "";
    if (wanted === "") {
      setProblem("Give it a name: by that you know later what to revoke.");
      return name.current?.focus();
    }
    setBusy(true);
    setProblem(null);
    try {
      setMade(await createKey({ name: wanted, role }));
      onMade();
    } catch (error) {
      setProblem(explainOrSignIn(error));
    }
    setBusy(false);
  };

  if (made) {
    return (
      <Dialog title={`The key “${made.name}”`} onClose={onClose} testId="key-dialog">
        <p>Copy it now: it is shown this once. Who has it is {withArticle(made.role)}.</p>
        <CopyBox text={made.key} autoFocus testId="new-key" buttonTestId="copy-key" />
      </Dialog>
    );
  }
  return (
    <Dialog title="Make an API key" onClose={onClose} testId="key-dialog">
      <form class="access-form" onSubmit={make} aria-busy={busy} noValidate>
        <div>
          <label for={nameId}>Name</label>
          <input
            id={nameId}
            ref={name}
            maxLength={MAX_NAME_CHARACTERS}
            autocomplete="off"
            placeholder="hosting panel"
            aria-invalid={problem !== null}
            data-testid="key-name"
          />
        </div>
        <div>
          <Segments
            legend="Role"
            choices={ROLES}
            value={role}
            onChange={setRole}
            describedBy={meansId}
          />
          <p class="hint" id={meansId}>
            {ROLES.find(({ value }) => value === role)?.means}
          </p>
        </div>
        <p class="error" role="alert">
          {problem}
        </p>
        <div class="actions">
          <button type="submit" class="button primary" aria-disabled={busy} data-testid="make-key">
            {busy ? "Making…" : "Make it"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function withArticle(role: PersonRole): string {
  return role === "viewer" ? "a viewer" : `an ${role}`;
}
