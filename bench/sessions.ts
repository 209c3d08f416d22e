import { once } from "node:events";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { ApiClient } from "../scripts/api-client.ts";
import { SentenceError } from "../scripts/sentence.ts";
import { startEdgeProcess } from "./edge-process.ts";
import type { Part, Settings } from "./part.ts";
import type { Processes } from "./processes.ts";
import { quantile } from "./statistics.ts";
import { Collected, type Goal, judge, type Layout, type RowPlan } from "./table.ts";

/** How much of each there is. */
type Sizes = {
  /** How many sessions the second edge has registered. */
  registered: number;
  lookUps: number;
  /**
   * How many dials of each kind count, in a round. With the agent's dials those of five rounds stay
   * below the 3,000 upgrades that an address has in a minute.
   */
  dials: number;
  warmUpDials: number;
  /** Whether to wait until the objects that nobody used were let go. */
  evicted: boolean;
};

const FULL_SIZES: Sizes = {
  registered: 1_000,
  lookUps: 3_000,
  dials: 100,
  warmUpDials: 30,
  evicted: true,
};

/** Enough to see that every row comes out. */
const QUICK_SIZES: Sizes = {
  registered: 20,
  lookUps: 20,
  dials: 5,
  warmUpDials: 1,
  evicted: false,
};

/** How many calls are on their way at once while rates are measured. */
const AT_ONCE = 16;

/** workerd lets an object go 10 s after it was last asked. */
const EVICTED_AFTER_MS = 15_000;

export const SESSION_ROWS = [
  { id: "made_per_s", name: "sessions made a second", unit: "/s", digits: 0 },
  { id: "looked_up_per_s", name: "look-ups a second", unit: "/s", digits: 0 },
  { id: "dial_p50_ms", name: "dial to first RFB byte, p50", unit: "ms", digits: 1 },
  { id: "dial_p99_ms", name: "dial to first RFB byte, p99", unit: "ms", digits: 1 },
] as const satisfies readonly RowPlan[];

const LAYOUT: Layout = {
  columns: [
    { id: "one", heading: "1 session" },
    { id: "many", heading: "1,000 sessions" },
    { id: "asleep", heading: "one of them that nobody used" },
  ],
  ratios: [
    { id: "many", heading: "1,000 / 1", column: "many", to: "one", against: "that with 1 session" },
  ],
};

const GOALS: readonly Goal[] = [
  { row: "dial_p50_ms", of: "many", bound: "at most", limit: 1.2 },
  { row: "dial_p99_ms", of: "many", bound: "at most", limit: 1.2 },
];

type Stage = { api: ApiClient; host: string; port: number };

async function startStage(processes: Processes, stateDir: string): Promise<Stage> {
  const { admin } = await startEdgeProcess(processes, stateDir);
  const { key } = await admin.call("POST /api/keys", { body: { name: "bench", role: "operator" } });
  const api = new ApiClient(admin.edge, key); // as an integrator's software
  const [session] = (await api.sessions()).items;
  if (!session) throw new Error("npm start made no session of its demo desktop.");
  return { api, host: session.host_id ?? "", port: session.vnc_port ?? 0 };
}

/** Runs so many calls, some of them at once. @returns what they gave, and calls per second */
async function rate<Answer>(
  count: number,
  call: (n: number) => Promise<Answer>,
): Promise<{ answers: Answer[]; perSecond: number }> {
  const answers: Answer[] = [];
  let next = 0;
  const startedAt = performance.now();
  const callOn = async () => {
    while (next < count) answers.push(await call(next++));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, callOn));
  return { answers, perSecond: count / ((performance.now() - startedAt) / 1000) };
}

/** @returns milliseconds from the dial of a viewer to the first byte of RFB */
async function dial({ api }: Stage, session: string): Promise<number> {
  const { websocket_url } = await api.ticket(session);
  const startedAt = performance.now();
  const socket = new WebSocket(websocket_url, { perMessageDeflate: false });
  const closed = once(socket, "close");
  const first = await Promise.race([once(socket, "message"), closed]);
  const ms = performance.now() - startedAt;
  if (typeof first[0] === "number") {
    throw new SentenceError(`A viewer was closed with ${first[0]} ${String(first[1])}`);
  }
  socket.close();
  await closed;
  return ms;
}

/**
 * What the registry of sessions costs. Two of what `npm start` runs, with the demo desktop: one keeps
 * its one session, the other has many; dials to the two take turns, so that whatever else the machine
 * does meets both. The rounds are rounds of dials.
 */
export const SESSIONS: Part = {
  note: `${AT_ONCE} calls at once while sessions are made and looked up.`,
  async run({ rounds, quick }: Settings, processes, dir) {
    const sizes = quick ? QUICK_SIZES : FULL_SIZES;
    console.error(`sessions: making ${sizes.registered}`);
    const one = await startStage(processes, join(dir, "one"));
    const many = await startStage(processes, join(dir, "many"));
    const collected = new Collected();

    const body = { host_id: many.host, port: many.port };
    const created = await rate(sizes.registered, () => many.api.createSession(body));
    const ids = created.answers.map(({ session_id }) => session_id);
    const found = await rate(sizes.lookUps, (n) => many.api.session(ids[n % ids.length] ?? ""));
    collected.add("many", { made_per_s: created.perSecond, looked_up_per_s: found.perSecond });

    // Objects that nobody asks are evicted soon after, which is work: of a thousand at once here only.
    if (sizes.evicted) await sleep(EVICTED_AFTER_MS);
    const [single] = (await one.api.sessions()).items.map(({ session_id }) => session_id);
    const same = { one: [], many: [] } as Record<"one" | "many", number[]>;
    const dials = sizes.dials * rounds;
    for (let n = 0; n < sizes.warmUpDials + dials; n++) {
      if (n % sizes.dials === 0) console.error(`sessions: ${n} of ${dials} dials`);
      const ofOne = await dial(one, single ?? "");
      const ofMany = await dial(many, ids[0] ?? "");
      if (n < sizes.warmUpDials) continue;
      same.one.push(ofOne);
      same.many.push(ofMany);
    }
    const asleep: number[] = [];
    for (const id of ids.slice(-dials)) asleep.push(await dial(many, id));
    for (const [column, times] of Object.entries({ ...same, asleep })) {
      const values = { dial_p50_ms: quantile(times, 0.5), dial_p99_ms: quantile(times, 0.99) };
      collected.add(column, values);
    }
    const rows = collected.rows(SESSION_ROWS, LAYOUT);
    return { layout: LAYOUT, rows, goals: judge(GOALS, rows, LAYOUT) };
  },
};
