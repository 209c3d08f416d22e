import { spawn } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { needPrograms } from "../../scripts/debian.ts";
import { SentenceError } from "../../scripts/sentence.ts";
import { inTurn, type Part, type Settings } from "../part.ts";
import { processTree } from "../process-tree.ts";
import type { Processes } from "../processes.ts";
import { Collected } from "../table.ts";
import { CHAT_LAYOUT, startChats } from "./chat.ts";
import type { ChatContender } from "./contenders/contender.ts";
import { STEADY_MEMBERS, STEADY_PER_S, saySteadily, withRoom } from "./measure.ts";
import { explainSlowest, SLOWEST_ROWS } from "./slowest.ts";
import { KINDS, readSamples, type Sample } from "./stacks.ts";

const NS_PER_MS = 1e6;

/** How often the stacks are looked at; no divisor of what timers ring at. */
const SAMPLE_EVERY_MS = 0.50025;

/** All of the machine, since a thread's way back to its core is another one's way off it. */
const WATCH = [
  ...["-a", "-g", "-k", "CLOCK_MONOTONIC", "-e", "sched:sched_switch", "-c", "1"],
  ...["-e", `cpu-clock/period=${SAMPLE_EVERY_MS * NS_PER_MS}/`],
];

/** How long perf may take until it watches; messages are said for so much longer. */
const PERF_STARTS_MS = 3_000;

/** How long it may take until it has written what it saw. */
const PERF_MS = 20_000;

type ProfileSizes = {
  /** What becomes fast by being used is fast then. */
  warmUpMs: number;
  /** Of a full collection of garbage, which comes every 5 to 12 s, one has to be seen in most rounds. */
  watchedMs: number;
};

const FULL_SIZES: ProfileSizes = { warmUpMs: 4_000, watchedMs: 12_000 };
const QUICK_SIZES: ProfileSizes = { warmUpMs: 500, watchedMs: 1_000 };

const PERF = { program: "perf", packages: ["linux-perf"] };

/** Without the ratios: what is nearly nothing in one of them says nothing by its multiples. */
const LAYOUT = { ...CHAT_LAYOUT, ratios: [] };

/** Where the processor's time for a message goes, and what the slowest wait for, at the load whose times the table of the chat has. */
export const CHAT_PROFILE: Part = {
  note:
    "Above: milliseconds of processor a message, of all processes of the server, by what perf saw them do. " +
    "Below: what the server's main thread did between a message's sending and its receipt.",
  async run({ rounds, quick }: Settings, processes, dir) {
    needPrograms([PERF], (line) => console.error(line));
    const sizes = quick ? QUICK_SIZES : FULL_SIZES;
    const collected = new Collected();
    for (let round = 0; round < rounds; round++) {
      console.error(`chat-profile: round ${round + 1} of ${rounds}`);
      const roundDir = join(dir, `round-${round}`);
      const contenders = await startChats(processes, roundDir);
      mkdirSync(roundDir, { recursive: true });
      for (const contender of inTurn(contenders, round)) {
        const file = join(roundDir, `${contender.id}.perf`);
        collected.add(contender.id, await profile(contender, sizes, processes, file));
      }
      for (const contender of contenders) await contender.stop();
    }
    const plans = [...KINDS.map((kind) => ({ ...kind, unit: "ms", digits: 2 })), ...SLOWEST_ROWS];
    return { layout: LAYOUT, rows: collected.rows(plans, LAYOUT), goals: [] };
  },
};

/** @returns ms of processor a message, by kind, and what the slowest waited for */
function profile(
  contender: ChatContender,
  { warmUpMs, watchedMs }: ProfileSizes,
  processes: Processes,
  file: string,
): Promise<Record<string, number>> {
  return withRoom(contender, STEADY_MEMBERS, async (wires) => {
    await saySteadily(wires, warmUpMs);
    const threads = threadsOf(processTree(contender.roots).map(({ pid }) => pid));
    const args = ["record", ...WATCH, "-o", file, "--", "sleep", String(watchedMs / 1000)];
    const [{ receipts }] = await Promise.all([
      saySteadily(wires, watchedMs + PERF_STARTS_MS),
      processes.start("perf", "perf", args).succeed(watchedMs + PERF_MS),
    ]);
    const trace = await seenBy(file);
    const ran = trace.filter(({ thread, off }) => !off && threads.has(thread));
    const counts = Map.groupBy(ran, ({ kind }) => kind);
    const messages = (STEADY_PER_S * watchedMs) / 1000;
    const ms = (samples: number) => (samples * SAMPLE_EVERY_MS) / messages;
    const offset = toMonotonicMs();
    const seen = receipts.map(({ sentAt, took }) => ({ sentAt: sentAt + offset, took }));
    return {
      ...Object.fromEntries(KINDS.map(({ id }) => [id, ms(counts.get(id)?.length ?? 0)])),
      ...explainSlowest(seen, trace, threads, SAMPLE_EVERY_MS),
    };
  });
}

function threadsOf(pids: readonly number[]): Set<number> {
  return new Set(pids.flatMap((pid) => readdirSync(`/proc/${pid}/task`).map(Number)));
}

/** What to add to `performance.now()` for the time of perf's clock, in ms: Node's `hrtime` is that one. */
function toMonotonicMs(): number {
  return Number(process.hrtime.bigint()) / NS_PER_MS - performance.now();
}

/** @throws {SentenceError} if perf saw nothing */
async function seenBy(file: string): Promise<Sample[]> {
  const args = ["script", "-i", file, "-F", "tid,time,event,trace,ip,sym,dso", "--no-inline"];
  const perf = spawn("perf", args, { stdio: ["ignore", "pipe", "ignore"] });
  const samples = await readSamples(createInterface({ input: perf.stdout }));
  if (samples.length === 0) {
    throw new SentenceError("perf saw nothing. It watches the whole machine, which root may.");
  }
  return samples;
}
