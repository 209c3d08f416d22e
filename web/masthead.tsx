import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ApiError, signOut } from "./api.ts";
import { Logo, SignOutIcon } from "./icons.tsx";
import { Link, navigate } from "./router.tsx";

/** The top of a page for who is signed in. @param props.children what else it leads to */
export function Masthead({ children }: { children?: ComponentChildren }) {
  const [problem, setProblem] = useState<string | null>(null);
  const leave = async () => {
    try {
      await signOut();
      navigate("/sign-in");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) navigate("/sign-in");
      else setProblem(`You are still signed in. ${error.message}`);
    }
  };
  return (
    <header class="masthead">
      <Link to="/" class="brand">
        <Logo />
        <span>Porthole</span>
      </Link>
      <p class="error" role="alert">
        {problem}
      </p>
      {children}
      <button
        type="button"
        class="button quiet"
        onClick={leave}
        title="Sign out"
        data-testid="sign-out"
      >
        <SignOutIcon /> <span class="wide-only">Sign out</span>
      </button>
    </header>
  );
}
