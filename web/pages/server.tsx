import { FeedMark } from "../feed/feed-mark.tsx";
import "../home/home.css";
import { Masthead } from "../masthead.tsx";
import { Link, usePage } from "../router.tsx";
import { ConsoleCard } from "../server/console-card.tsx";
import { FailureText } from "../server/failure-text.tsx";
import "../server/server.css";
import { useServer } from "../server/use-server.ts";

/** The console of a hosting panel's server: where a link in the panel leads. */
export function ServerPage({ serverId }: { serverId: string }) {
  const { found, host, operates, failure, isLooking, link, look } = useServer(serverId);
  usePage(`Server ${serverId}`, found ? "ready" : failure ? "error" : "loading");
  return (
    <div class="home server">
      <Masthead>
        <FeedMark link={found ? link : null} />
      </Masthead>
      <main>
        {found ? (
          <>
            {failure && (
              <p class="notice-line" role="status" data-testid="stale">
                {failure.sentence} What you see may be out of date.
              </p>
            )}
            <ConsoleCard found={found} host={host} operates={operates} onChanged={look} />
          </>
        ) : failure ? (
          <section class="console" data-testid="error">
            <h1>Server {serverId}</h1>
            <div role="alert" class="console-failure">
              <FailureText failure={failure} />
            </div>
            <div class="actions">
              {failure.isPassing && (
                <button
                  type="button"
                  class="button primary"
                  aria-disabled={isLooking}
                  onClick={look}
                  data-testid="retry"
                >
                  {isLooking ? "Asking the panel…" : "Try again"}
                </button>
              )}
              <Link to="/" class="button">
                Back to the overview
              </Link>
            </div>
          </section>
        ) : (
          <section class="console" aria-busy="true" aria-label="Asking the panel">
            <h1>Server {serverId}</h1>
            <div class="bone bone-facts" />
            <p class="hint">Asking the hosting panel…</p>
          </section>
        )}
      </main>
    </div>
  );
}
