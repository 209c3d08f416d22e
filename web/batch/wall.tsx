import { useMemo, useRef, useState } from "preact/hooks";
import type { Batch } from "../../protocol/api.ts";
import { StopIcon } from "../icons.tsx";
import { Segments } from "../segments.tsx";
import { STATUS_WORDS } from "../statuses.ts";
import { absolute, elapsed } from "../time.ts";
import { countsOf, isOver, jobsIn, whyTheyWait } from "./batch-view.ts";
import { EndBatch } from "./end-batch.tsx";
import type { BatchState } from "./live-batch.ts";
import { MAX_LIVE_TILES } from "./streams.ts";
import { Tile } from "./tile.tsx";
import { usePlace } from "./use-place.ts";
import { useStreams } from "./use-streams.ts";

type WallProps = {
  batch: Batch;
  hosts: BatchState["hosts"];
  operates: boolean;
  now: number;
  onEnded(): void;
};

/** All desktops of a batch, and how its jobs stand. */
export function Wall({ batch, hosts, operates, now, onEnded }: WallProps) {
  const list = useRef<HTMLUListElement>(null);
  const { filter, setFilter } = usePlace(batch.batch_id, list);
  const [ending, setEnding] = useState(false);
  const title = useRef<HTMLHeadingElement>(null);
  const { jobs, profile, created_at } = batch;
  const numbers = useMemo(() => new Map(jobs.map(({ job_id }, n) => [job_id, n + 1])), [jobs]);
  const shown = jobsIn(jobs, filter);
  const active = useMemo(
    () => jobsIn(jobs, filter).flatMap((job) => (job.status === "active" ? job.session_id : [])),
    [jobs, filter],
  );
  const { streams, watch } = useStreams(active);
  const open = jobs.filter((job) => !isOver(job)).length;
  const waits = whyTheyWait(batch, hosts);
  return (
    <>
      <header class="batch-head">
        <div>
          <h1 ref={title} tabIndex={-1}>
            Batch of {jobs.length === 1 ? "1 job" : `${jobs.length} jobs`}
          </h1>
          <p class="batch-facts">
            <span title={absolute(created_at)}>Given {elapsed(created_at, now)} ago</span>
            <span>profile {profile}</span>
            {open === 0 && <span data-testid="all-over">all of it is over</span>}
          </p>
        </div>
        {operates && open > 0 && (
          <button
            type="button"
            class="button danger"
            onClick={() => setEnding(true)}
            data-testid="end-batch"
          >
            <StopIcon /> End batch
          </button>
        )}
      </header>
      {waits !== null && (
        <p class="notice-line" role="status" data-testid="waits">
          {waits}
        </p>
      )}
      <Segments
        legend="Which jobs"
        choices={countsOf(jobs, filter)}
        value={filter}
        onChange={setFilter}
      />
      {shown.length === 0 ? (
        <p class="hint batch-none" data-testid="no-jobs">
          {filter === "all"
            ? "This batch has no job."
            : `No job is ${STATUS_WORDS[filter].toLowerCase()} now.`}
        </p>
      ) : (
        <ul class="wall" ref={list}>
          {shown.map((job) => (
            <Tile
              key={job.job_id}
              job={job}
              number={numbers.get(job.job_id) ?? 0}
              isStreamed={streams.has(job.session_id)}
              isFull={streams.size >= MAX_LIVE_TILES}
              watch={watch}
              operates={operates}
              onEnded={onEnded}
            />
          ))}
        </ul>
      )}
      {ending && (
        <EndBatch
          batchId={batch.batch_id}
          open={open}
          onEnded={() => {
            title.current?.focus();
            onEnded();
          }}
          onClose={() => setEnding(false)}
        />
      )}
    </>
  );
}
