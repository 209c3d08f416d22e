import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { usePage } from "../router.tsx";

/** Fetches the support page, and the chat with it, only for those who came for it. */
export function SupportLoader() {
  const found = useModule(() => import("./support.tsx"));
  if (found.module) return <found.module.Support />;
  return <Loading title="Support" failed={found.failed} />;
}

/** The same for the inbox. @param props.roomId of the room that is open beside the list */
export function InboxLoader({ roomId }: { roomId: string | null }) {
  const found = useModule(() => import("./inbox.tsx"));
  if (found.module) return <found.module.Inbox roomId={roomId} />;
  return <Loading title="Inbox" failed={found.failed} />;
}

/** The wall of a batch, with the viewer's noVNC. */
export function BatchLoader({ batchId }: { batchId: string }) {
  const found = useModule(() => import("./batch.tsx"));
  if (found.module) return <found.module.BatchPage batchId={batchId} />;
  return <Loading title="Batch" failed={found.failed} />;
}

/** The console of a hosting panel's server. */
export function ServerLoader({ serverId }: { serverId: string }) {
  const found = useModule(() => import("./server.tsx"));
  if (found.module) return <found.module.ServerPage serverId={serverId} />;
  return <Loading title="Server" failed={found.failed} />;
}

/** Who may come in: an admin's page. */
export function AccessLoader() {
  const found = useModule(() => import("./access.tsx"));
  if (found.module) return <found.module.AccessPage />;
  return <Loading title="Access" failed={found.failed} />;
}

function useModule<Module>(load: () => Promise<Module>) {
  const [module, setModule] = useState<Module | null>(null);
  const [failed, setFailed] = useState(false);
  useEffect(() => {
    load().then(
      (loaded) => setModule(loaded),
      (error: unknown) => {
        console.error(error);
        setFailed(true);
      },
    );
  }, []);
  return { module, failed };
}

function Loading({ title, failed }: { title: string; failed: boolean }): ComponentChildren {
  usePage(title, failed ? "error" : "loading");
  if (!failed) return <main class="blank" aria-busy="true" />;
  return (
    <main class="notice">
      <h1>The page did not load</h1>
      <p data-testid="reason">The edge cannot be reached, or Porthole was updated just now.</p>
      <div class="actions">
        {/* Browsers remember that a module failed: only a new page asks for it again. */}
        <button type="button" class="button primary" onClick={() => location.reload()}>
          Load it again
        </button>
      </div>
    </main>
  );
}
