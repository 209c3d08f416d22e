import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Host, JoinToken } from "../../protocol/api.ts";
import { ApiError, createJoinToken } from "../api.ts";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";
import { absolute } from "../time.ts";
import { writeClipboard } from "../write-clipboard.ts";
import { Dialog } from "./dialog.tsx";

/** Someone stands before this window and waits: look more often than the overview does. */
const LOOK_MS = 2_000;

type AddHostProps = { hosts: Host[]; refresh(): void; onClose(): void };

export function AddHost({ hosts, refresh, onClose }: AddHostProps) {
  const [known] = useState(() => new Set(hosts.map((host) => host.host_id)));
  const newcomer = hosts.find((host) => !known.has(host.host_id));
  const { token, problem, ask } = useJoinToken();

  useEffect(() => {
    if (newcomer) return;
    const timer = setInterval(() => {
      if (!document.hidden) refresh();
    }, LOOK_MS);
    return () => clearInterval(timer);
  }, [newcomer, refresh]);

  return (
    <Dialog title="Add a host" onClose={onClose} testId="add-host-dialog">
      {newcomer ? (
        <>
          <p role="status" class="joined" data-testid="joined">
            <span class="dot connected" aria-hidden="true" /> <strong>{newcomer.name}</strong> is
            here.
          </p>
          <div class="actions">
            <button type="button" class="button primary" onClick={onClose}>
              Done
            </button>
          </div>
        </>
      ) : problem ? (
        <>
          <p class="error" role="alert">
            {problem}
          </p>
          <div class="actions">
            <button type="button" class="button primary" onClick={ask}>
              Try again
            </button>
          </div>
        </>
      ) : (
        <>
          <p>
            Paste this on the machine whose desktop you want to see. It needs a VNC server and Node
            20 or newer.
          </p>
          <Command command={token?.command ?? null} />
          <p class="hint">
            {token
              ? `It works once, for one machine, until ${absolute(token.expires_at)}.`
              : "Making a join token…"}
          </p>
          <p class="awaiting" role="status" data-testid="awaiting">
            <span class="dot connecting" aria-hidden="true" /> Waiting for the new host…
          </p>
        </>
      )}
    </Dialog>
  );
}

function useJoinToken() {
  const [token, setToken] = useState<JoinToken | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const asking = useRef<AbortController>(null);
  const ask = useCallback(async () => {
    asking.current?.abort();
    const mine = new AbortController();
    asking.current = mine;
    setProblem(null);
    try {
      setToken(await createJoinToken(mine.signal));
    } catch (error) {
      // The window was closed before the answer came.
      if (mine.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) navigate(signInPath("/"));
      else setProblem(error.message);
    }
  }, []);
  useEffect(() => {
    void ask();
    return () => asking.current?.abort();
  }, [ask]);
  return { token, problem, ask };
}

function Command({ command }: { command: string | null }) {
  const [copied, setCopied] = useState<boolean | null>(null);
  const text = useRef<HTMLElement>(null);
  const copy = async () => {
    if (command === null) return;
    const done = await writeClipboard(command);
    setCopied(done);
    // Where the browser forbids it, the next best thing is one key press away.
    if (!done && text.current) getSelection()?.selectAllChildren(text.current);
  };
  return (
    <div class="command">
      <pre>
        <code ref={text} data-testid="join-command">
          {command ?? " "}
        </code>
      </pre>
      <div class="command-foot">
        <span class="hint" role="status">
          {copied === false ? "Select it and copy it with your keyboard." : ""}
        </span>
        <button
          type="button"
          class="button"
          disabled={command === null}
          onClick={copy}
          data-testid="copy-command"
        >
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
    </div>
  );
}
