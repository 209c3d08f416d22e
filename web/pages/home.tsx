import { useState } from "preact/hooks";
import { FeedMark } from "../feed/feed-mark.tsx";
import { AddHost } from "../home/add-host.tsx";
import "../home/home.css";
import { HostCard } from "../home/host-card.tsx";
import { Sessions } from "../home/sessions.tsx";
import { Summary } from "../home/summary.tsx";
import { useNow } from "../home/use-now.ts";
import { useOverview } from "../home/use-overview.ts";
import { Logo, PlayIcon, PlusIcon } from "../icons.tsx";
import { RunJob } from "../jobs/run-job.tsx";
import { Masthead } from "../masthead.tsx";
import { usePage } from "../router.tsx";

/** The page that an operator lives in: hosts, their displays, and the sessions of all. */
export function Home() {
  const { state, link, overview } = useOverview();
  const now = useNow();
  const [adding, setAdding] = useState(false);
  const [running, setRunning] = useState(false);
  const { hosts = null, sessions = null, problem = null, operates = false } = state ?? {};
  usePage("", hosts ? "ready" : problem ? "error" : "loading");
  const onAdd = () => setAdding(true);
  return (
    <div class="home">
      <Masthead>
        <FeedMark link={hosts ? link : null} />
        {operates && hosts !== null && hosts.length > 0 && (
          <button
            type="button"
            class="button quiet"
            onClick={() => setRunning(true)}
            title="Run a job"
            data-testid="run-a-job"
          >
            <PlayIcon /> <span class="wide-only">Run a job</span>
          </button>
        )}
        {operates && hosts !== null && hosts.length > 0 && (
          <button
            type="button"
            class="button"
            onClick={onAdd}
            title="Add a host"
            data-testid="add-host"
          >
            <PlusIcon /> <span class="wide-only">Add a host</span>
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
        {state && <Summary state={state} />}
        {!state || !overview || hosts === null ? (
          problem && overview ? (
            <Failed problem={problem} onRetry={() => overview.refresh()} />
          ) : (
            <Skeleton />
          )
        ) : hosts.length === 0 ? (
          <Empty onAdd={operates ? onAdd : null} />
        ) : (
          hosts.map((host) => (
            <HostCard
              key={host.host_id}
              host={host}
              sessions={sessions ?? []}
              knowsAll={sessions !== null && !state.hasMoreSessions}
              operates={operates}
              now={now}
              onChanged={() => overview.touch("host", host.host_id)}
            />
          ))
        )}
        {state?.hasMoreHosts && (
          <p class="more-line">
            <button
              type="button"
              class="button"
              onClick={() => overview?.more("host")}
              data-testid="more-hosts"
            >
              Show more hosts
            </button>
          </p>
        )}
        {/* Of hosts that are gone there can be sessions; of none there never were any. */}
        {state && overview && hosts !== null && (hosts.length > 0 || sessions?.length !== 0) && (
          <Sessions state={state} overview={overview} now={now} />
        )}
      </main>
      {running && state && hosts && (
        <RunJob hosts={hosts} hasMoreHosts={state.hasMoreHosts} onClose={() => setRunning(false)} />
      )}
      {adding && hosts && <AddHost hosts={hosts} onClose={() => setAdding(false)} />}
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
