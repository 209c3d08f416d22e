import "../batch/batch.css";
import { useBatch } from "../batch/use-batch.ts";
import { Wall } from "../batch/wall.tsx";
import { FeedMark } from "../feed/feed-mark.tsx";
import "../home/home.css";
import { useNow } from "../home/use-now.ts";
import { Logo } from "../icons.tsx";
import { Masthead } from "../masthead.tsx";
import { Link, usePage } from "../router.tsx";

/** A batch: the desktops of all its jobs, live, and a click into each. */
export function BatchPage({ batchId }: { batchId: string }) {
  const { state, link, refresh } = useBatch(batchId);
  const now = useNow();
  const { batch = null, problem = null, isMissing = false } = state ?? {};
  usePage(
    titleOf(batch?.jobs),
    isMissing ? "not-found" : batch ? "ready" : problem ? "error" : "loading",
  );
  return (
    <div class="home batch">
      <Masthead>
        <FeedMark link={batch && !isMissing ? link : null} />
      </Masthead>
      <main>
        {isMissing ? (
          <section class="empty" data-testid="missing">
            <Logo />
            <h1>There is no such batch</h1>
            <p data-testid="reason">
              Its address may be wrong, or it is over so long that it was forgotten.
            </p>
            <Link to="/" class="button primary">
              Back to the overview
            </Link>
          </section>
        ) : state && batch ? (
          <>
            {problem && (
              <p class="notice-line" role="status" data-testid="stale">
                {problem} What you see may be out of date.
              </p>
            )}
            <Wall
              batch={batch}
              hosts={state.hosts}
              operates={state.operates}
              now={now}
              onEnded={refresh}
            />
          </>
        ) : problem ? (
          <section class="empty" role="alert" data-testid="error">
            <h1>The batch did not load</h1>
            <p data-testid="reason">{problem} It is tried again every few seconds.</p>
            <button type="button" class="button primary" onClick={refresh} data-testid="retry">
              Try now
            </button>
          </section>
        ) : (
          <Skeleton />
        )}
      </main>
    </div>
  );
}

/** How far it is, for who looks at another tab. */
function titleOf(jobs: readonly { status: string }[] | undefined): string {
  if (!jobs) return "Batch";
  const active = jobs.filter(({ status }) => status === "active").length;
  return `${active} of ${jobs.length} active · Batch`;
}

function Skeleton() {
  return (
    <section class="skeleton" aria-busy="true" aria-label="Loading the batch">
      <div class="bone bone-title" />
      <div class="wall">
        {[0, 1, 2, 3].map((n) => (
          <div key={n} class="bone bone-tile" />
        ))}
      </div>
    </section>
  );
}
