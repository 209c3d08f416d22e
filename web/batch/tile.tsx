import { useEffect, useRef, useState } from "preact/hooks";
import type { Job } from "../../protocol/api.ts";
import { EndSession } from "../home/end-session.tsx";
import { LogIcon, StopIcon } from "../icons.tsx";
import { JobLogDialog } from "../jobs/job-log.tsx";
import { shortUrl } from "../jobs/short-url.ts";
import { Link } from "../router.tsx";
import { STATUS_DOTS, STATUS_WORDS } from "../statuses.ts";
import type { ViewerState } from "../viewer/states.ts";
import { isOver, mayHavePrinted } from "./batch-view.ts";
import { MAX_LIVE_TILES } from "./streams.ts";
import type { Watch } from "./use-streams.ts";
import { useThumbnail } from "./use-thumbnail.ts";

type TileProps = {
  job: Job;
  /** Its place in the batch, from 1 on. */
  number: number;
  /** Whether its desktop is streamed now. */
  isStreamed: boolean;
  /** Whether as many are streamed as can be. */
  isFull: boolean;
  watch: Watch;
  operates: boolean;
  onEnded(): void;
};

/** A job: its desktop, small and live, or why there is none; and the way to it. */
export function Tile(props: TileProps) {
  const { job, number, isStreamed, isFull, watch, operates, onEnded } = props;
  const tile = useRef<HTMLLIElement>(null);
  const screen = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const [dialog, setDialog] = useState<"end" | "log" | null>(null);
  const { session_id, job_url, status } = job;
  const { state, hasStill } = useThumbnail(session_id, isStreamed, { screen, still });
  useEffect(() => (tile.current ? watch(session_id, tile.current) : undefined), [session_id]);
  const name = shortUrl(job_url);
  const isLive = status === "active" && state?.kind === "connected";
  const cover = isLive ? null : coverOf(job, state, hasStill, isFull);
  return (
    <li
      class={`tile ${isOver(job) ? "over" : ""}`}
      ref={tile}
      data-testid="tile"
      data-id={session_id}
      data-status={status}
      data-shows={isLive ? "live" : "still"}
    >
      <Link to={`/view/${session_id}`} class="tile-open" testId="open-job">
        <span class="tile-glass">
          <span class={`tile-screen ${isLive ? "" : "away"}`} ref={screen} inert />
          <canvas
            class={`tile-still ${hasStill && !isLive ? "shown" : ""} ${status}`}
            ref={still}
          />
          {cover !== null && (
            <span
              class={`tile-cover ${hasStill ? "over-still" : ""}`}
              title={cover}
              data-testid="tile-reason"
            >
              <span class="tile-words">{cover}</span>
            </span>
          )}
        </span>
        <span class="tile-title" title={job_url}>
          <span class="tile-number">{number}</span> {name}
        </span>
      </Link>
      <div class="tile-foot">
        <span class="tile-status" data-testid="tile-status">
          <span class={`dot ${STATUS_DOTS[status]}`} aria-hidden="true" /> {STATUS_WORDS[status]}
        </span>
        {operates && (
          <span class="tile-tools">
            {mayHavePrinted(job) && (
              <button
                type="button"
                class="tool"
                aria-label={`What ${name} printed`}
                title="What it printed"
                onClick={() => setDialog("log")}
                data-testid="tile-log"
              >
                <LogIcon />
              </button>
            )}
            {!isOver(job) && (
              <button
                type="button"
                class="tool"
                aria-label={`End ${name}`}
                title="End this job"
                onClick={() => setDialog("end")}
                data-testid="tile-end"
              >
                <StopIcon />
              </button>
            )}
          </span>
        )}
      </div>
      {dialog === "log" && (
        <JobLogDialog sessionId={session_id} name={job_url} onClose={() => setDialog(null)} />
      )}
      {dialog === "end" && (
        <EndSession
          session={job}
          name={job_url}
          onEnded={() => {
            // The button that had the keyboard goes.
            tile.current?.querySelector("a")?.focus();
            onEnded();
          }}
          onClose={() => setDialog(null)}
        />
      )}
    </li>
  );
}

/** What stands in place of a live picture, as a sentence; null if the still one says enough. */
function coverOf(
  job: Job,
  state: ViewerState | null,
  hasStill: boolean,
  isFull: boolean,
): string | null {
  if (job.status !== "active") return job.reason;
  switch (state?.kind) {
    case undefined:
      return isFull
        ? `${MAX_LIVE_TILES} desktops are live at once. Open this one, or scroll.`
        : null;
    case "connecting":
      return hasStill ? null : "Connecting…";
    case "credentials":
    case "verifying":
      return "Its desktop asks who is there: open it.";
    case "connected":
      return null;
    default:
      return state?.reason ?? null;
  }
}
