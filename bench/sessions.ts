import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { ApiClient } from "../scripts/api-client.ts";
import { runScript, SentenceError } from "../scripts/sentence.ts";
import { ROOT } from "../scripts/tool.ts";
import { describeMachine } from "./machine.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import { Processes } from "./processes.ts";
import { quantile } from "./statistics.ts";

/**
 * `npm run bench:sessions`: what the registry of sessions costs. Two of what `npm start` runs, with
 * the demo desktop: one keeps its one session, the other has many; dials to the two take turns, so
 * that whatever else the machine does meets both.
 */

/** How many sessions the second edge has registered. */
const REGISTERED = 1_000;
/** How many calls are on their way at once while rates are measured. */
const AT_ONCE = 16;
const LOOK_UPS = 3_000;
/**
 * How many dials of each kind count, and how many before them do not. With the agent's dials they
 * stay below the 3,000 upgrades that an address has in a minute.
 */
const DIALS = 500;
const WARM_UP_DIALS = 30;
/** How much longer a dial among many sessions may take, at the median and at p99. */
const GOAL = 1.2;

/** workerd lets an object go 10 s after it was last asked. */
const EVICTED_AFTER_MS = 15_000;

const READY_MS = 180_000;
const ADMIN_TOKEN = "the-admin-token-of-the-bench";

type Stage = { api: ApiClient; host: string; port: number };

async function startStage(processes: Processes, stateDir: string): Promise<Stage> {
  const edgePort = await freePort();
  const edge = processes.start("the edge", process.execPath, [join(ROOT, "scripts/start.ts")], {
    ADMIN_TOKEN,
    PORT: String(edgePort),
    PORTHOLE_STATE: stateDir,
  });
  await edge.waitForLine("ready ", READY_MS);
  const url = `http://${LOOPBACK}:${edgePort}`;
  const admin = new ApiClient(url, ADMIN_TOKEN);
  const { key } = await admin.call("POST /api/keys", { body: { name: "bench", role: "operator" } });
  const api = new ApiClient(url, key); // as an integrator's software
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

async function measure(processes: Processes, tempDir: string): Promise<void> {
  const one = await startStage(processes, join(tempDir, "one"));
  const many = await startStage(processes, join(tempDir, "many"));
  const [single] = (await one.api.sessions()).items.map(({ session_id }) => session_id);
  const body = { host_id: many.host, port: many.port };
  const created = await rate(REGISTERED, () => many.api.createSession(body));
  const ids = created.answers.map(({ session_id }) => session_id);
  const found = await rate(LOOK_UPS, (n) => many.api.session(ids[n % ids.length] ?? ""));

  // Objects that nobody asks are evicted soon after, which is work: of a thousand at once here only.
  await sleep(EVICTED_AFTER_MS);
  const same = { one: [], many: [] } as Record<"one" | "many", number[]>;
  for (let n = 0; n < WARM_UP_DIALS + DIALS; n++) {
    const ofOne = await dial(one, single ?? "");
    const ofMany = await dial(many, ids[0] ?? "");
    if (n < WARM_UP_DIALS) continue;
    same.one.push(ofOne);
    same.many.push(ofMany);
  }
  const asleep: number[] = [];
  for (const id of ids.slice(-DIALS)) asleep.push(await dial(many, id));

  const { cores, cpu, load } = describeMachine();
  const line = (name: string, share: number) => {
    const [a, b] = [quantile(same.one, share), quantile(same.many, share)];
    const verdict = b / a <= GOAL ? "met    " : "NOT MET";
    const ms = `${a.toFixed(1)} ms with 1 session, ${b.toFixed(1)} ms with ${REGISTERED}`;
    return `${verdict}  dial to first RFB byte, ${name}: ${ms}, ${(b / a).toFixed(2)}x (at most ${GOAL}x)`;
  };
  const [p50, p99] = [0.5, 0.99].map((share) => quantile(asleep, share).toFixed(1));
  console.log(
    [
      `sessions made: ${created.perSecond.toFixed(0)} a second, ${AT_ONCE} at once`,
      `look-ups: ${found.perSecond.toFixed(0)} a second, ${AT_ONCE} at once`,
      line("p50", 0.5),
      line("p99", 0.99),
      `the same to one of the ${REGISTERED} that nobody used: p50 ${p50} ms, p99 ${p99} ms`,
      `${cores} cores, ${cpu}; load ${load} at the end`,
    ].join("\n"),
  );
}

async function main(): Promise<void> {
  const processes = new Processes();
  const tempDir = mkdtempSync(join(tmpdir(), "porthole-bench-sessions-"));
  try {
    await measure(processes, tempDir);
  } finally {
    await processes.stopAll();
    rmSync(tempDir, { recursive: true, force: true });
  }
}

await runScript(main);
