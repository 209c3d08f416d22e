import type { FunctionComponent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Link, usePage } from "../router.tsx";

type Page = FunctionComponent<{ sessionId: string }>;

/** Fetches the viewer, and noVNC with it, only for those who look at a desktop. */
export function ViewerLoader({ sessionId }: { sessionId: string }) {
  const [page, setPage] = useState<{ Viewer: Page } | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    import("./viewer.tsx").then(setPage, (error: unknown) => {
      console.error(error);
      setFailed(true);
    });
  }, []);
  if (page) return <page.Viewer sessionId={sessionId} />;
  return <Loading failed={failed} />;
}

function Loading({ failed }: { failed: boolean }) {
  usePage("Desktop", failed ? "ended" : "connecting");
  if (!failed) return <main class="blank" aria-busy="true" />;
  return (
    <main class="notice">
      <h1>The viewer did not load</h1>
      <p data-testid="reason">The edge cannot be reached, or Porthole was updated just now.</p>
      <div class="actions">
        {/* Browsers remember that a module failed: only a new page asks for it again. */}
        <button type="button" class="button primary" onClick={() => location.reload()}>
          Load it again
        </button>
        <Link to="/" class="button">
          Back to the overview
        </Link>
      </div>
    </main>
  );
}
