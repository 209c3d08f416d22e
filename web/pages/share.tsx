import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Arrival, comeByLink } from "../come-by-link.ts";
import { Logo } from "../icons.tsx";
import { navigate } from "../navigate.ts";
import { usePage } from "../router.tsx";
import { takeSecretFromAddress } from "../take-secret.ts";

const NO_SECRET: Arrival = {
  kind: "refused",
  reason: "Open it again from where you got it: this page no longer knows it.",
};

/** Where a share link leads: it lets this browser in and goes on to the desktop. */
export function Share() {
  const secret = useRef("");
  const [busy, setBusy] = useState(true);
  const [problem, setProblem] = useState<Exclude<Arrival, { kind: "let-in" }> | null>(null);
  usePage("Shared desktop", busy ? "redeeming" : (problem?.kind ?? "redeeming"));

  const come = useCallback(async () => {
    const mine = secret.current;
    setBusy(true);
    const arrival = mine === "" ? NO_SECRET : await comeByLink(mine);
    // Another link was pasted meanwhile.
    if (mine !== secret.current) return;
    if (arrival.kind === "let-in") return navigate(`/view/${arrival.sessionId}`, "replace");
    setProblem(arrival);
    setBusy(false);
  }, []);

  useEffect(() => {
    secret.current = takeSecretFromAddress();
    void come();
    // A link pasted while this page is open changes the fragment and loads nothing.
    const takeAnother = () => {
      const another = takeSecretFromAddress();
      if (another === "") return;
      secret.current = another;
      setProblem(null);
      void come();
    };
    addEventListener("hashchange", takeAnother);
    return () => removeEventListener("hashchange", takeAnother);
  }, []);

  if (!problem) {
    return (
      <main class="notice unhurried" aria-busy="true">
        <Logo />
        <p role="status">Opening the desktop that was shared with you…</p>
      </main>
    );
  }
  return (
    <main class="notice">
      <Logo />
      <h1>
        {problem.kind === "failed"
          ? "The desktop could not be opened yet"
          : "This link does not open a desktop"}
      </h1>
      <p role="alert" data-testid="reason">
        {problem.reason}
      </p>
      {problem.kind === "failed" && (
        <div class="actions">
          <button
            type="button"
            class="button primary"
            aria-disabled={busy}
            onClick={() => busy || come()}
            data-testid="retry"
          >
            {busy ? "Trying…" : "Try again"}
          </button>
        </div>
      )}
    </main>
  );
}
