import { useState } from "preact/hooks";
import { AddHost } from "../home/add-host.tsx";
import "../home/home.css";
import { HostCard } from "../home/host-card.tsx";
import { useHosts } from "../home/use-hosts.ts";
import { ChatIcon, Logo, PlusIcon } from "../icons.tsx";
import { Masthead } from "../masthead.tsx";
import { Link, usePage } from "../router.tsx";

export function Home() {
  const { hosts, sessions, problem, refresh } = useHosts();
  const [adding, setAdding] = useState(false);
  usePage("", hosts ? "ready" : problem ? "error" : "loading");
  const mayAdd = sessions === null;
  const onAdd = () => setAdding(true);
  return (
    <div class="home">
      <Masthead>
        {hosts !== null && mayAdd && (
          <Link to="/inbox" class="button quiet" label="Support inbox" testId="to-inbox">
            <ChatIcon /> <span class="wide-only">Inbox</span>
          </Link>
        )}
        {hosts !== null && mayAdd && hosts.length > 0 && (
          <button type="button" class="button" onClick={onAdd} data-testid="add-host">
            <PlusIcon /> Add a host
          </button>
        )}
      </Masthead>
      <main>
        <h1 class="visually-hidden">Overview</h1>
        {hosts && problem && (
          <p class="notice-line" role="status" data-testid="stale">
            {problem} What you see may be out of date.
          </p>
        )}
        {hosts === null ? (
          problem ? (
            <Failed problem={problem} onRetry={refresh} />
          ) : (
            <Skeleton />
          )
        ) : hosts.length === 0 ? (
          <Empty onAdd={mayAdd ? onAdd : null} />
        ) : (
          hosts.map((host) => (
            <HostCard key={host.host_id} host={host} sessions={sessions} onChanged={refresh} />
          ))
        )}
      </main>
      {adding && hosts && (
        <AddHost hosts={hosts} refresh={refresh} onClose={() => setAdding(false)} />
      )}
    </div>
  );
}

function Empty({ onAdd }: { onAdd: (() => void) | null }) {
  return (
    <section class="empty" data-testid="empty">
      <Logo />
      <h2>No host yet</h2>
      {onAdd ? (
        <>
          <p>
            A host is a machine with a VNC server. Run one line on it and its desktops appear here.
            It opens no port and needs no address: it calls out to this edge.
          </p>
          <button type="button" class="button primary" onClick={onAdd} data-testid="add-host">
            <PlusIcon /> Add a host
          </button>
        </>
      ) : (
        <p>Desktops appear here when an operator has added the machine that has them.</p>
      )}
    </section>
  );
}

function Failed({ problem, onRetry }: { problem: string; onRetry(): void }) {
  return (
    <section class="empty" role="alert" data-testid="error">
      <h2>The overview did not load</h2>
      <p data-testid="reason">{problem} It is tried again every few seconds.</p>
      <button type="button" class="button primary" onClick={onRetry} data-testid="retry">
        Try now
      </button>
    </section>
  );
}

function Skeleton() {
  return (
    <section class="host skeleton" aria-busy="true" aria-label="Loading the hosts">
      <div class="bone bone-title" />
      <div class="displays">
        <div class="bone bone-card" />
        <div class="bone bone-card" />
        <div class="bone bone-card" />
      </div>
    </section>
  );
}
