import { Audit } from "../access/audit.tsx";
import { JoinTokens } from "../access/join-tokens.tsx";
import { Keys } from "../access/keys.tsx";
import { SignIns } from "../access/sign-ins.tsx";
import "../access/access.css";
import { useAccess } from "../access/use-access.ts";
import "../home/home.css";
import { useNow } from "../home/use-now.ts";
import { Masthead } from "../masthead.tsx";
import { Link, usePage } from "../router.tsx";

/** Who and what may come in, and what was done: for an admin. */
export function AccessPage() {
  const { access, audit, next, problem, isForbidden, look, readMore, isReadingMore } = useAccess();
  const now = useNow();
  usePage("Access", access ? "ready" : problem ? "error" : "loading");
  return (
    <div class="home access">
      <Masthead />
      <main>
        <h1>Access</h1>
        {access && audit ? (
          <>
            {problem && (
              <p class="notice-line" role="status" data-testid="stale">
                {problem} What you see may be out of date.
              </p>
            )}
            <Keys keys={access.keys} now={now} onChanged={look} />
            <SignIns signIns={access.signIns} now={now} onChanged={look} />
            <JoinTokens joinTokens={access.joinTokens} now={now} onChanged={look} />
            <Audit
              lines={audit}
              access={access}
              hasMore={next !== null}
              isReading={isReadingMore}
              onMore={readMore}
            />
          </>
        ) : problem ? (
          <section class="access-section" data-testid="error">
            <p role="alert">
              {isForbidden ? "Only an admin sees who may come in, and what was done." : problem}
            </p>
            <div class="actions">
              {!isForbidden && (
                <button type="button" class="button primary" onClick={look} data-testid="retry">
                  Try again
                </button>
              )}
              <Link to="/" class="button">
                Back to the overview
              </Link>
            </div>
          </section>
        ) : (
          <div class="access-section" aria-busy="true" role="status" aria-label="Reading">
            <div class="bone bone-title" />
            <div class="bone bone-card" />
          </div>
        )}
      </main>
    </div>
  );
}
