import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { JobLog } from "../../protocol/api.ts";
import { ApiError } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { readJobLog } from "../jobs-api.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
import "./job-log.css";

type JobLogProps = { sessionId: string; name: string; onClose(): void };

/** What a job's desktop printed: the first thing to look at when it failed. */
export function JobLogDialog({ sessionId, name, onClose }: JobLogProps) {
  const { log, problem, busy, read } = useJobLog(sessionId);
  return (
    <Dialog title="What it printed" onClose={onClose} testId="log-dialog">
      <p class="log-name">{name}</p>
      {log === null && problem === null && (
        <p class="hint" role="status">
          Asking its host…
        </p>
      )}
      {log !== null && (
        <>
          {log.text.trim() === "" ? (
            <p class="hint" data-testid="log-empty">
              It has printed nothing.
            </p>
          ) : (
            // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, by keyboard too
            <pre class="log-text" tabIndex={0} data-testid="log-text">
              {log.text.trim()}
            </pre>
          )}
          {log.truncated && (
            <p class="hint">The middle is missing: the first 8 KiB and the last 16 are kept.</p>
          )}
        </>
      )}
      <p class="error" role="alert" data-testid="log-problem">
        {problem}
      </p>
      <div class="actions">
        <button type="button" class="button" aria-disabled={busy} onClick={read}>
          {busy ? "Reading…" : "Read it again"}
        </button>
        <button type="button" class="button primary" onClick={onClose}>
          Done
        </button>
      </div>
    </Dialog>
  );
}

function useJobLog(sessionId: string) {
  const [log, setLog] = useState<JobLog | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(true);
  const asking = useRef<AbortController>(null);
  const read = useCallback(async () => {
    asking.current?.abort();
    const mine = new AbortController();
    asking.current = mine;
    setBusy(true);
    try {
      setLog(await readJobLog(sessionId, mine.signal));
      setProblem(null);
    } catch (error) {
      // The window was closed before the answer came.
      if (mine.signal.aborted) return;
      setProblem(sentenceOf(error));
    }
    setBusy(false);
  }, [sessionId]);
  useEffect(() => {
    void read();
    return () => asking.current?.abort();
  }, [read]);
  return { log, problem, busy, read };
}

function sentenceOf(error: unknown): string | null {
  if (error instanceof ApiError && error.code === "not_started") {
    return "It has printed nothing: no desktop was started for it.";
  }
  return explainOrSignIn(error);
}
