import type { OverviewState } from "./overview-state.ts";

/** How much there is, in a line; where there are many hosts it leads past them. */
export function Summary({ state }: { state: OverviewState }) {
  const { hosts, sessions, hasMoreHosts, hasMoreSessions, filter } = state;
  if (!hosts || hosts.length === 0) return null;
  const online = hosts.filter((host) => host.online).length;
  return (
    <p class="summary">
      <span>
        {count(hosts.length, hasMoreHosts, "host")}, {online} online
      </span>
      {sessions && sessions.length > 0 && (
        <a href="#sessions-title">
          {count(sessions.length, hasMoreSessions, "session")}
          {filter === "open" && " open"}
        </a>
      )}
    </p>
  );
}

function count(number: number, hasMore: boolean, thing: string): string {
  if (hasMore) return `more than ${number} ${thing}s`;
  return number === 1 ? `1 ${thing}` : `${number} ${thing}s`;
}
