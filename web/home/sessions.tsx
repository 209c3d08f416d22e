import { useRef } from "preact/hooks";
import { Segments } from "../segments.tsx";
import type { Overview } from "./overview.ts";
import type { OverviewState, SessionFilter } from "./overview-state.ts";
import { SessionRow } from "./session-row.tsx";
import "./sessions.css";

const FILTERS: readonly { label: string; value: SessionFilter }[] = [
  { label: "Open", value: "open" },
  { label: "All", value: "all" },
];

type SessionsProps = { state: OverviewState; overview: Overview; now: number };

/** The sessions of all hosts, the newest first. */
export function Sessions({ state, overview, now }: SessionsProps) {
  const { sessions, hosts, filter, operates, hasMoreSessions } = state;
  const title = useRef<HTMLHeadingElement>(null);
  const hostNames = new Map(hosts?.map((host) => [host.host_id, host.name]));
  const onEnded = (id: string) => {
    overview.touch("session", id);
    // The row that had the keyboard goes.
    title.current?.focus();
  };
  return (
    <section class="sessions" aria-labelledby="sessions-title" aria-busy={sessions === null}>
      <header class="sessions-head">
        <h2 id="sessions-title" ref={title} tabIndex={-1}>
          Sessions
        </h2>
        <Segments
          legend="Which sessions"
          choices={FILTERS}
          value={filter}
          onChange={(wanted) => overview.show(wanted)}
        />
      </header>
      {sessions === null ? (
        <div class="bone bone-row" />
      ) : sessions.length === 0 ? (
        <p class="hint sessions-none" data-testid="no-sessions">
          {filter === "all"
            ? "There was no session yet."
            : operates
              ? "None is open. Choose a display to open it; its session is then found here."
              : "None is open."}
        </p>
      ) : (
        <ul class="session-list">
          {sessions.map((session) => (
            <SessionRow
              key={session.session_id}
              session={session}
              hostName={hostNames.get(session.host_id ?? "") ?? null}
              now={now}
              operates={operates}
              onEnded={() => onEnded(session.session_id)}
            />
          ))}
        </ul>
      )}
      {hasMoreSessions && (
        <button
          type="button"
          class="button more"
          onClick={() => overview.more("session")}
          data-testid="more-sessions"
        >
          Show more sessions
        </button>
      )}
    </section>
  );
}
