import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { PersonRole } from "../protocol/api.ts";
import { ApiError, ownRole, signOut } from "./api.ts";
import { ChatIcon, KeyIcon, Logo, SignOutIcon } from "./icons.tsx";
import { navigate } from "./navigate.ts";
import { Link, usePath } from "./router.tsx";

/** The top of a page for who is signed in. @param props.children what else can be done from it */
export function Masthead({ children }: { children?: ComponentChildren }) {
  const path = usePath();
  const role = useRole();
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
      {(role === "operator" || role === "admin") && (
        <Link
          to="/inbox"
          class="button quiet"
          label="Support inbox"
          current={path === "/inbox"}
          testId="to-inbox"
        >
          <ChatIcon /> <span class="wide-only">Inbox</span>
        </Link>
      )}
      {role === "admin" && (
        <Link
          to="/access"
          class="button quiet"
          label="Keys, sign-ins, audit"
          current={path === "/access"}
          testId="to-access"
        >
          <KeyIcon /> <span class="wide-only">Access</span>
        </Link>
      )}
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

/** What who is signed in may do; null until that is known, and where it cannot be. */
function useRole(): PersonRole | null {
  const [role, setRole] = useState<PersonRole | null>(null);
  useEffect(() => {
    const gone = new AbortController();
    // The page itself says what is wrong, and leads to the sign-in.
    ownRole(gone.signal).then(setRole, () => {});
    return () => gone.abort();
  }, []);
  return role;
}
