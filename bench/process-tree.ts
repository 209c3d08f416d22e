import { readdirSync, readFileSync } from "node:fs";

/** What Linux tells of processes in /proc (proc(5)). */

/** Clock ticks per second in /proc/<pid>/stat: USER_HZ, 100 on everything that Node runs on. */
const TICKS_PER_SECOND = 100;

const KIB_BYTES = 1024;

type ProcessStat = {
  pid: number;
  parent: number;
  /** Its own time and that of its children that ended and were waited for, in ticks. */
  ticks: number;
  /** Its start, in ticks since boot: with the pid, who it is. */
  startedAt: number;
  /** Whether it ended and its parent has not asked how. */
  isZombie: boolean;
};

function readStat(pid: number): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the name in parentheses, which may hold anything.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    const field = (number: number) => Number(fields[number - 3]);
    const ticks = field(14) + field(15) + field(16) + field(17);
    return { pid, parent: field(4), ticks, startedAt: field(22), isZombie: fields[0] === "Z" };
  } catch {
    return null; // it ended
  }
}

/** One process, not to be taken for a later one with its id. */
export type ProcessId = Pick<ProcessStat, "pid" | "startedAt">;

/** These processes and everything that descends from them, as of now. */
export function processTree(roots: readonly number[]): ProcessId[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
  const children = Map.groupBy(all, (stat) => stat.parent);
  const found = new Map<number, ProcessId>();
  const queue = all.filter((stat) => roots.includes(stat.pid));
  for (let stat = queue.pop(); stat; stat = queue.pop()) {
    if (found.has(stat.pid)) continue;
    found.set(stat.pid, stat);
    queue.push(...(children.get(stat.pid) ?? []));
  }
  return [...found.values()];
}

/** Whether that very process still runs. */
export function isAlive({ pid, startedAt }: ProcessId): boolean {
  const stat = readStat(pid);
  return stat !== null && stat.startedAt === startedAt && !stat.isZombie;
}

/**
 * CPU seconds, user and system, that these trees have used so far; what ended within them counts
 * with the parent that waited for it.
 */
export function cpuSeconds(roots: readonly number[]): number {
  let ticks = 0;
  for (const { pid } of processTree(roots)) ticks += readStat(pid)?.ticks ?? 0;
  return ticks / TICKS_PER_SECOND;
}

/** Resident memory of these processes together, in bytes. */
export function residentBytes(processes: readonly ProcessId[]): number {
  let kib = 0;
  for (const { pid } of processes) {
    try {
      const match = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
      kib += Number(match?.[1] ?? 0);
    } catch {
      // It ended, and holds nothing any more.
    }
  }
  return kib * KIB_BYTES;
}
