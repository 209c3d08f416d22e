import type { TargetedSubmitEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, signIn } from "../api.ts";
import { Logo } from "../icons.tsx";
import { navigate } from "../navigate.ts";
import { safeNextPath } from "../next-path.ts";
import { usePage } from "../router.tsx";
import { takeSecretFromAddress } from "../take-secret.ts";

const USED_LINK = "This sign-in link was used before or has expired. Sign in with the admin token.";
const WRONG_TOKEN = "This is not the admin token.";

export function SignIn() {
  const [busy, setBusy] = useState(location.hash.length > 1);
  const [error, setError] = useState<string | null>(null);
  const field = useRef<HTMLInputElement>(null);
  usePage("Sign in", busy ? "signing-in" : "sign-in");

  const exchange = async (proof: Parameters<typeof signIn>[0], refused: string) => {
    setBusy(true);
    try {
      await signIn(proof);
      navigate(safeNextPath(new URLSearchParams(location.search).get("next")), "replace");
    } catch (problem) {
      if (!(problem instanceof ApiError)) throw problem;
      setError(problem.status === 401 ? refused : problem.message);
      setBusy(false);
      field.current?.select();
    }
  };

  useEffect(() => {
    const exchangeLink = () => {
      const link = takeSecretFromAddress();
      if (link !== "") void exchange({ link }, USED_LINK);
    };
    exchangeLink();
    field.current?.focus();
    // A link pasted while this page is open changes the fragment and loads nothing.
    addEventListener("hashchange", exchangeLink);
    return () => removeEventListener("hashchange", exchangeLink);
  }, []);

  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? "";
    if (token === "") {
      setError("Enter the admin token.");
      field.current?.focus();
    } else if (!busy) {
      void exchange({ admin_token: token }, WRONG_TOKEN);
    }
  };

  return (
    <main class="sign-in">
      <form class="sign-in-card" onSubmit={submit} aria-busy={busy} noValidate>
        <Logo />
        <h1>Sign in to Porthole</h1>
        <label for="token">Admin token</label>
        <input
          id="token"
          ref={field}
          type="password"
          autocomplete="current-password"
          spellcheck={false}
          maxLength={512}
          readOnly={busy}
          aria-invalid={error !== null}
          aria-describedby="token-hint token-error"
          data-testid="token"
        />
        <p id="token-hint" class="hint">
          Whoever set up this edge has it. <code>npm start</code> prints a sign-in link instead.
        </p>
        <p id="token-error" class="error" role="alert" data-testid="error">
          {error}
        </p>
        <button type="submit" class="button primary" aria-disabled={busy} data-testid="sign-in">
          {busy ? "Signing in…" : "Sign in"}
        </button>
      </form>
    </main>
  );
}
