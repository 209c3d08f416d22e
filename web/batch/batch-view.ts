import type { Batch, Host, Job, SessionStatus } from "../../protocol/api.ts";
import type { Change } from "../../protocol/events.ts";
import { STATUS_WORDS } from "../statuses.ts";

/** Which jobs are shown: all, or those of a state. */
export type JobFilter = "all" | SessionStatus;

/** In the order in which they are counted: what can be looked at first. */
const STATUSES: readonly SessionStatus[] = [
  "active",
  "starting",
  "queued",
  "unreachable",
  "failed",
  "ended",
];

export function isOver({ status }: Pick<Job, "status">): boolean {
  return status === "failed" || status === "ended";
}

/** Whether there may be something that a job's desktop printed. */
export function mayHavePrinted({ status, host_id }: Pick<Job, "status" | "host_id">): boolean {
  return host_id !== null && status !== "queued";
}

/** How many jobs are in each state that is there; the state that is chosen stays, also with none. */
export function countsOf(
  jobs: readonly Job[],
  chosen: JobFilter,
): { label: string; value: JobFilter }[] {
  const counts = new Map<SessionStatus, number>();
  for (const { status } of jobs) counts.set(status, (counts.get(status) ?? 0) + 1);
  const shown = STATUSES.filter((status) => counts.has(status) || status === chosen);
  return [
    { label: `All ${jobs.length}`, value: "all" },
    ...shown.map((status) => ({
      label: `${STATUS_WORDS[status]} ${counts.get(status) ?? 0}`,
      value: status,
    })),
  ];
}

export function jobsIn(jobs: readonly Job[], filter: JobFilter): readonly Job[] {
  return filter === "all" ? jobs : jobs.filter(({ status }) => status === filter);
}

/** What of a host changes nothing that a batch shows of it. */
const OF_NO_MATTER: ReadonlySet<Change["change"]> = new Set(["streams", "latency", "renamed"]);

/** Whether a change can be one of what the page of a batch shows. */
export function concerns(
  { kind, id, change }: Pick<Change, "kind" | "id" | "change">,
  batchId: string,
  jobs: readonly Job[],
): boolean {
  // Who watches is not shown, and this page's own tiles watch.
  if (kind === "session") return change !== "viewers" && id.startsWith(`${batchId}_job_`);
  if (kind === "batch") return id === batchId;
  if (kind !== "host" || OF_NO_MATTER.has(change)) return false;
  // Any host may be the one that jobs wait for.
  return jobs.some(
    ({ host_id, status }) => status === "queued" || (host_id === id && status !== "ended"),
  );
}

/**
 * Why jobs would wait for long, as a sentence; null if no reason is known: then it is their turn that
 * they wait for.
 * @param hosts all that there are; null if they were not read
 */
export function whyTheyWait(batch: Batch, hosts: readonly Host[] | null): string | null {
  if (hosts === null || !batch.jobs.some(({ status }) => status === "queued")) return null;
  const offering = hosts.filter(({ profiles }) => profiles.includes(batch.profile));
  if (offering.length === 0) {
    return `No host offers the profile “${batch.profile}”. The jobs wait until the owner of one allows it in its agent's configuration.`;
  }
  if (!offering.some(({ online }) => online)) {
    const names = offering.map(({ name }) => name);
    return offering.length === 1
      ? `The only host that offers “${batch.profile}”, ${names[0]}, is offline. The jobs start when it is back.`
      : `All ${offering.length} hosts that offer “${batch.profile}” are offline. The jobs start when one is back.`;
  }
  return null;
}
