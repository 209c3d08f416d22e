import type { TargetedSubmitEvent } from "preact";
import { useId, useState } from "preact/hooks";
import type { Clipboard, ControlMode } from "../../protocol/link.ts";
import { ApiError, openDisplay, type SessionOptions } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { navigate } from "../navigate.ts";
import { signInPath } from "../next-path.ts";
import { Segments } from "../segments.tsx";

const CONTROLS: readonly { label: string; value: ControlMode }[] = [
  { label: "All at once", value: "shared" },
  { label: "One at a time", value: "exclusive" },
];

const CLIPBOARDS: readonly { label: string; value: Clipboard }[] = [
  { label: "Both ways", value: "both" },
  { label: "To the host", value: "to_host" },
  { label: "Off", value: "none" },
];

const CONTROL_SENTENCES: Record<ControlMode, string> = {
  shared: "All who may control it type and click at the same time.",
  exclusive:
    "The first who opens it controls; the others watch, and ask for control. Who opens this display in another session does not wait for that.",
};

const CLIPBOARD_SENTENCES: Record<Clipboard, string> = {
  both: "What viewers copy reaches the host, and what the host copies reaches them.",
  to_host: "What viewers send reaches the host; what the host copies stays there.",
  none: "Nothing that is copied passes.",
};

type OpenOptionsProps = {
  hostId: string;
  port: number;
  title: string;
  label: string;
  onClose(): void;
};

/** Opens a display in a session that is not the usual one; a session is what it was made as. */
export function OpenOptions({ hostId, port, title, label, onClose }: OpenOptionsProps) {
  // Who wanted the usual one has opened it with one click.
  const [options, setOptions] = useState<SessionOptions>({
    control: "exclusive",
    clipboard: "both",
  });
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const controlId = useId();
  const clipboardId = useId();

  const open = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(null);
    try {
      const session = await openDisplay({ host_id: hostId, port, label, options });
      navigate(`/view/${session.session_id}`);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return navigate(signInPath("/"));
      setProblem(error.message);
      setBusy(false);
    }
  };

  return (
    <Dialog title={`Open ${title}`} onClose={onClose} testId="open-dialog">
      <form class="open-form" onSubmit={open} aria-busy={busy}>
        <div>
          <Segments
            legend="Who controls"
            choices={CONTROLS}
            value={options.control}
            onChange={(control) => setOptions({ ...options, control })}
            describedBy={controlId}
          />
          <p class="hint" id={controlId} role="status">
            {CONTROL_SENTENCES[options.control]}
          </p>
        </div>
        <div>
          <Segments
            legend="Clipboard"
            choices={CLIPBOARDS}
            value={options.clipboard}
            onChange={(clipboard) => setOptions({ ...options, clipboard })}
            describedBy={clipboardId}
          />
          <p class="hint" id={clipboardId} role="status">
            {CLIPBOARD_SENTENCES[options.clipboard]}
          </p>
        </div>
        <p class="error" role="alert">
          {problem}
        </p>
        <div class="actions">
          <button
            type="submit"
            class="button primary"
            aria-disabled={busy}
            data-testid="open-with-options"
          >
            {busy ? "Opening…" : "Open"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
