import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Host, JoinToken } from "../../protocol/api.ts";
import { ApiError, createJoinToken } from "../api.ts";
import { CopyBox } from "../copy-box.tsx";
import { Dialog } from "../dialog.tsx";
import { navigate } from "../navigate.ts";
import { signInPath } from "../next-path.ts";
import { absolute } from "../time.ts";

type AddHostProps = { hosts: readonly Host[]; onClose(): void };

/** The line to run on a new machine; waits until that is among the hosts. */
export function AddHost({ hosts, onClose }: AddHostProps) {
  const [known] = useState(() => new Set(hosts.map((host) => host.host_id)));
  const newcomer = hosts.find((host) => !known.has(host.host_id));
  const { token, problem, ask } = useJoinToken();

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
          <CopyBox
            text={token?.command ?? null}
            testId="join-command"
            buttonTestId="copy-command"
          />
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
