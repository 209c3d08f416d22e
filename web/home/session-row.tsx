import { useState } from "preact/hooks";
import type { Session } from "../../protocol/api.ts";
import { ShareIcon, StopIcon } from "../icons.tsx";
import { shortUrl } from "../jobs/short-url.ts";
import { Link } from "../router.tsx";
import { STATUS_DOTS, STATUS_WORDS } from "../statuses.ts";
import { absolute, elapsed } from "../time.ts";
import { ShareDialog } from "../viewer/share-dialog.tsx";
import { EndSession } from "./end-session.tsx";

type SessionRowProps = {
  session: Session;
  /** null if the host is not among those shown. */
  hostName: string | null;
  now: number;
  /** What who looks may do beside opening it. */
  operates: boolean;
  onEnded(): void;
};

/** A session: what it shows, how it is, who watches, and what can be done with it. */
export function SessionRow({ session, hostName, now, operates, onEnded }: SessionRowProps) {
  const [sharing, setSharing] = useState(false);
  const [ending, setEnding] = useState(false);
  const { session_id, status, reason, viewers, control, vnc_port } = session;
  const isOver = status === "ended" || status === "failed";
  const place = placeOf(session);
  const job = session.job_url === null ? null : shortUrl(session.job_url);
  const label = session.label ?? job;
  const name = label ?? [hostName, place].filter(Boolean).join(" · ");
  const facts = [
    // A label often begins with its host already.
    label === null || (hostName && name.startsWith(hostName)) ? null : hostName,
    label === null ? null : place,
    control === "exclusive" ? "one at a time" : null,
  ].filter((fact) => fact !== null);
  return (
    <li class={`session ${isOver ? "over" : ""}`} data-testid="session" data-id={session_id}>
      <div class="session-text">
        {isOver ? (
          <span class="session-name" title={session.job_url ?? undefined}>
            {name}
          </span>
        ) : (
          <Link to={`/view/${session_id}`} class="session-name" testId="open-session">
            {name}
          </Link>
        )}
        <span class="session-facts">
          {session.batch_id !== null && (
            <>
              <Link to={`/batch/${session.batch_id}`} testId="to-batch">
                its batch
              </Link>
              {" · "}
            </>
          )}
          {facts.length > 0 && `${facts.join(" · ")} · `}
          {session.ended_at !== null ? (
            <span title={absolute(session.ended_at)}>{elapsed(session.ended_at, now)} ago</span>
          ) : (
            <span
              title={`Since ${absolute(session.created_at)}, until ${absolute(session.expires_at)}`}
            >
              for {elapsed(session.created_at, now)}
            </span>
          )}
        </span>
      </div>
      <div class="session-state">
        <span class="session-status" data-testid="session-status">
          <span class={`dot ${STATUS_DOTS[status]}`} aria-hidden="true" /> {STATUS_WORDS[status]}
          {!isOver && vnc_port !== null && (
            <span class={viewers === 0 ? "nobody" : ""} data-testid="session-viewers">
              {viewers === 0 ? "nobody watches" : `${viewers} watching`}
            </span>
          )}
        </span>
        {reason !== null && (
          <span class="session-reason" data-testid="session-reason">
            {reason}
          </span>
        )}
      </div>
      {operates && !isOver && (
        <div class="session-tools">
          <button
            type="button"
            class="tool"
            aria-label={`Share ${name}`}
            title="Share this session"
            onClick={() => setSharing(true)}
            data-testid="share-session"
          >
            <ShareIcon />
          </button>
          <button
            type="button"
            class="tool"
            aria-label={`End ${name}`}
            title="End this session"
            onClick={() => setEnding(true)}
            data-testid="end-session"
          >
            <StopIcon />
          </button>
        </div>
      )}
      {sharing && <ShareDialog session={session} onClose={() => setSharing(false)} />}
      {ending && (
        <EndSession
          session={session}
          name={name}
          onEnded={onEnded}
          onClose={() => setEnding(false)}
        />
      )}
    </li>
  );
}

/** null where a job has none yet. */
function placeOf({ display, vnc_port }: Session): string | null {
  if (vnc_port === null) return null;
  return display === null ? `port ${vnc_port}` : `display ${display}`;
}
