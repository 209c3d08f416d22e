import { quantile } from "../statistics.ts";
import type { Receipt } from "./measure.ts";
import type { Sample } from "./stacks.ts";

/** What the slowest messages waited for; `late_…` are the parts of `late`. */
export const SLOWEST_ROWS = [
  { id: "pauses", name: "pauses for garbage, of 1,000 messages", unit: "pauses", digits: 1 },
  { id: "pause_ms", name: "a pause for garbage, mean", unit: "ms", digits: 1 },
  { id: "paused_percent", name: "receipts that met one", unit: "%", digits: 2 },
  { id: "p99_ms", name: "send to receipt, p99", unit: "ms", digits: 2 },
  { id: "p99_unpaused_ms", name: "the same, of those that met no pause", unit: "ms", digits: 2 },
  {
    id: "late",
    name: "the slowest hundredth takes longer than the middle one",
    unit: "ms",
    digits: 2,
  },
  { id: "late_garbage", name: "  for garbage collection", unit: "ms", digits: 2 },
  { id: "late_work", name: "  for other work", unit: "ms", digits: 2 },
  { id: "late_disk", name: "  waiting for the disk", unit: "ms", digits: 2 },
  { id: "late_core", name: "  others have its core", unit: "ms", digits: 2 },
  { id: "late_idle", name: "  nothing to do, or not woken yet", unit: "ms", digits: 2 },
] as const;

export type SlowestValues = Record<(typeof SLOWEST_ROWS)[number]["id"], number>;

/** A shorter one delays nothing by much, and is one sample that may be anything. */
const SHORTEST_PAUSE_MS = 1;

/** An interrupt in the middle of a pause does not end it. */
const LONGEST_GAP_MS = 2;

/** What a thread is when it does not run, by the state in which it went off its core. */
const WAITS = { R: "core", D: "disk" } as const;
type Wait = (typeof WAITS)[keyof typeof WAITS] | "idle";

type Span = { from: number; to: number };

/**
 * Holds the receipts of messages against what the server's main thread did meanwhile.
 * @param trace what perf saw of all threads, on the clock of the receipts
 * @param threads the server's
 * @param everyMs how often a thread that runs was looked at
 * @throws {RangeError} if no receipt lies within what was seen
 */
export function explainSlowest(
  receipts: readonly Receipt[],
  trace: readonly Sample[],
  threads: ReadonlySet<number>,
  everyMs: number,
): SlowestValues {
  const thread = busiest(trace.filter((sample) => threads.has(sample.thread)));
  const ran = trace.filter((sample) => sample.thread === thread && !sample.off);
  const garbage = ran.filter(({ kind }) => kind === "garbage");
  const pauses = pausesOf(garbage, everyMs);
  const waits = waitsOf(thread, trace);

  const [start, end] = [ran.at(0)?.at ?? 0, ran.at(-1)?.at ?? 0];
  const seen = receipts.filter(({ sentAt, took }) => sentAt >= start && sentAt + took <= end);
  const messages = new Set(seen.map(({ sentAt }) => sentAt)).size;
  const unpaused = seen.filter((receipt) => pauses.every((pause) => overlap(receipt, pause) === 0));

  const sorted = seen.toSorted((one, other) => one.took - other.took);
  const among = (from: number, to: number) =>
    sorted.slice(sorted.length * from, sorted.length * to);
  const [slowest, middle] = [among(0.99, 1), among(0.495, 0.505)];
  const longer = (of: (receipt: Receipt) => number) => mean(slowest.map(of)) - mean(middle.map(of));
  const waited = (wait: Wait) =>
    longer((receipt) => sum((waits.get(wait) ?? []).map((span) => overlap(receipt, span))));
  const late = longer(({ took }) => took);
  const collected = longer((receipt) => countWithin(receipt, garbage) * everyMs);
  const [disk, core, idle] = [waited("disk"), waited("core"), waited("idle")];
  return {
    pauses: (pauses.length / messages) * 1000,
    pause_ms: mean(pauses.map(({ from, to }) => to - from)),
    paused_percent: (1 - unpaused.length / seen.length) * 100,
    p99_ms: p99Of(seen),
    p99_unpaused_ms: p99Of(unpaused),
    late,
    late_garbage: collected,
    late_work: late - collected - disk - core - idle,
    late_disk: disk,
    late_core: core,
    late_idle: idle,
  };
}

/** The thread that ran most: workerd and Node do all of this in one. */
function busiest(trace: readonly Sample[]): number | null {
  const threads = [...Map.groupBy(trace, ({ thread }) => thread)];
  const ran = ([, samples]: (typeof threads)[number]) => samples.filter(({ off }) => !off).length;
  return threads.sort((one, other) => ran(other) - ran(one))[0]?.[0] ?? null;
}

function pausesOf(garbage: readonly Sample[], everyMs: number): Span[] {
  const spans: Span[] = [];
  for (const { at } of garbage) {
    const last = spans.at(-1);
    if (last && at - last.to <= LONGEST_GAP_MS) last.to = at + everyMs / 2;
    else spans.push({ from: at - everyMs / 2, to: at + everyMs / 2 });
  }
  return spans.filter(({ from, to }) => to - from >= SHORTEST_PAUSE_MS);
}

/** When a thread was off its core, and for what. */
function waitsOf(thread: number | null, trace: readonly Sample[]): Map<Wait, Span[]> {
  const waits = new Map<Wait, Span[]>();
  let since: { from: number; wait: Wait } | null = null;
  for (const { thread: prev, at, off } of trace) {
    if (off && prev === thread) {
      since = { from: at, wait: WAITS[off.state[0] as keyof typeof WAITS] ?? "idle" };
    } else if (off?.next === thread && since) {
      const spans = waits.get(since.wait) ?? [];
      spans.push({ from: since.from, to: at });
      waits.set(since.wait, spans);
      since = null;
    }
  }
  return waits;
}

function overlap({ sentAt, took }: Receipt, { from, to }: Span): number {
  return Math.max(0, Math.min(sentAt + took, to) - Math.max(sentAt, from));
}

function countWithin({ sentAt, took }: Receipt, samples: readonly Sample[]): number {
  return samples.filter(({ at }) => at >= sentAt && at < sentAt + took).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** 0 of none. */
function mean(numbers: readonly number[]): number {
  return sum(numbers) / Math.max(1, numbers.length);
}

function p99Of(receipts: readonly Receipt[]): number {
  return quantile(
    receipts.map(({ took }) => took),
    0.99,
  );
}
