import type { TargetedSubmitEvent } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import type { Host } from "../../protocol/api.ts";
import { MAX_NAME_CHARACTERS } from "../../protocol/limits.ts";
import { ApiError, changeHost } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { navigate } from "../navigate.ts";
import { signInPath } from "../next-path.ts";

type EditHostProps = { host: Host; onChanged(): void; onClose(): void };

/** What its operators call a host, and what they note about it. */
export function EditHost({ host, onChanged, onClose }: EditHostProps) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  // What was there when somebody began to write stays, whoever renames it meanwhile.
  const [before] = useState(host);
  const name = useRef<HTMLInputElement>(null);
  const label = useRef<HTMLInputElement>(null);
  const nameId = useId();
  const labelId = useId();

  const save = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const changes = {
      name: name.current?.value.trim() ?? "",
      label: label.current?.value.trim() || null,
    };
    if (changes.name === "") {
      setProblem("A host has a name.");
      name.current?.focus();
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await changeHost(host.host_id, {
        ...(changes.name !== before.name && { name: changes.name }),
        label: changes.label,
      });
      onChanged();
      onClose();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return navigate(signInPath("/"));
      setProblem(error.message);
      setBusy(false);
    }
  };

  return (
    <Dialog title={`Rename ${before.name}`} onClose={onClose} testId="edit-dialog">
      <form class="edit-form" onSubmit={save} aria-busy={busy} noValidate>
        <div>
          <label for={nameId}>Name</label>
          <input
            id={nameId}
            ref={name}
            defaultValue={before.name}
            maxLength={MAX_NAME_CHARACTERS}
            autocomplete="off"
            aria-invalid={problem !== null}
            data-testid="host-name"
          />
        </div>
        <div>
          <label for={labelId}>
            Label <span class="optional">(optional)</span>
          </label>
          <input
            id={labelId}
            ref={label}
            defaultValue={before.label ?? ""}
            maxLength={MAX_NAME_CHARACTERS}
            autocomplete="off"
            placeholder="Where is it, or whose is it?"
            data-testid="host-label"
          />
        </div>
        <p class="error" role="alert">
          {problem}
        </p>
        <div class="actions">
          <button type="submit" class="button primary" aria-disabled={busy} data-testid="save-host">
            {busy ? "Saving…" : "Save"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
