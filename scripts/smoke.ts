import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "../agent/join.ts";
import { describeError } from "../agent/log.ts";
import { startDemo } from "../demo/server.ts";
import { CloseCode } from "../protocol/close-codes.ts";
import { LOOPBACK } from "../protocol/ids.ts";
import { ApiClient } from "./api-client.ts";
import { poll } from "./poll.ts";
import { runScript, SentenceError } from "./sentence.ts";
import {
  expectThat,
  type Flood,
  handshake,
  logIn,
  requestPixel,
  SHARED,
  startFlood,
  VERSION,
} from "./smoke-rfb.ts";
import { SmokeSocket } from "./smoke-socket.ts";
import { ROOT } from "./tool.ts";

/**
 * `npm run smoke -- <url>`: runs a whole stream, a stalled viewer, a chat, a revocation and an ended
 * session through a running edge, from an agent and a desktop on this machine, and says what holds.
 * It leaves nothing behind. What it shows cannot be shown by tests: that the edge's network does what
 * workerd does.
 */

const USAGE = "ADMIN_TOKEN=<the edge's admin token> npm run smoke -- https://porthole.example";

/** How long each wait has: an edge may be on the other side of the world, and starting. */
const STEP_TIMEOUT_MS = 20_000;

/** A sender that is held back stops long before this; one that is not reaches FLOOD_BYTES. */
const STALL_LIMIT_BYTES = 64 * 1024 * 1024;

/** A sender that moved nothing for this long has stopped. */
const STALLED_MS = 3_000;

const ROUND_TRIPS = 50;

let failures = 0;
let isInterrupted = false;

/**
 * Runs one step and says how it went; the others run all the same.
 * @param always also once somebody wants this to end
 */
async function step(name: string, run: () => Promise<string>, always = false): Promise<void> {
  if (isInterrupted && !always) return;
  try {
    const detail = await run();
    console.log(`ok      ${name}: ${detail}`);
  } catch (error) {
    failures++;
    console.log(`FAILED  ${name}: ${describeError(error)}`);
  }
}

function readTarget(): ApiClient {
  const [url, extra] = process.argv.slice(2);
  const token = process.env.ADMIN_TOKEN;
  if (!url || extra || !URL.canParse(url) || !/^https?:/.test(url)) {
    throw new SentenceError(`Name one edge by its address: ${USAGE}`);
  }
  if (!token) throw new SentenceError(`The admin token is missing: ${USAGE}`);
  return new ApiClient(new URL(url).origin, token);
}

/** Rejects when somebody wants this to end; what was made is removed all the same. */
function interruption(): Promise<never> {
  return new Promise((_resolve, reject) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.once(signal, () => {
        isInterrupted = true;
        reject(new SentenceError("Interrupted."));
      });
    }
  });
}

await runScript(async () => {
  const api = readTarget();
  const stateDir = mkdtempSync(`${tmpdir()}/porthole-smoke-`);
  const desktop = await startDemo({ port: 0 });
  const flood = await startFlood();
  let agent: ChildProcess | null = null;
  let hostId: string | null = null;
  const run = (async () => {
    await reachable(api);
    const { token } = await api.joinToken();
    const identity = await join({ edge: api.edge, token, name: "smoke test", stateDir });
    hostId = identity.host_id;
    if (isInterrupted) return; // an agent that starts now would outlive this
    agent = startAgent(stateDir, [desktop.port, flood.port]);
    await runSteps(api, identity.host_id, agent, { desktop: desktop.port, flood });
  })();
  try {
    await Promise.race([run, interruption()]);
  } finally {
    await desktop.close();
    flood.close();
    if (agent) await stopAgent(agent);
    // A step in the middle fails now, and takes back what it made. If all of it failed, the race said so.
    await run.catch(() => {});
    rmSync(stateDir, { recursive: true, force: true });
    const made = hostId;
    if (made !== null) await step("the host is removed again", () => removeHost(api, made), true);
  }
  console.log(failures === 0 ? "All of it holds." : `${failures} of it does not hold.`);
  process.exit(failures === 0 ? 0 : 1);
});

type Targets = { desktop: number; flood: Flood };

async function runSteps(
  api: ApiClient,
  host: string,
  agent: ChildProcess,
  { desktop, flood }: Targets,
): Promise<void> {
  await step("an agent joins and comes online", async () => {
    await poll(STEP_TIMEOUT_MS, "the host to come online", async () => {
      if (hasEnded(agent)) throw new SentenceError("its process ended");
      return (await api.host(host)).online;
    });
    return `as host ${host}`;
  });
  await step("a viewer without a credential is refused", () => noCredential(api, host));
  await step("a whole stream shows a picture", () => wholeStream(api, host, desktop));
  await step("a viewer that stops reading holds the sender back", () =>
    stalledViewer(api, host, flood),
  );
  await step("a chat stores, acknowledges and delivers", () => chat(api, host, desktop));
  const cut = "revoking a key cuts its viewer alone, though the agent does nothing";
  if (process.platform === "win32") console.log(`--      ${cut}: not tried on Windows`);
  else await step(cut, () => cutStream(api, host, desktop, agent));
  await step("ending a session closes its viewer with 4410", () =>
    endedSession(api, host, desktop),
  );
}

/** In a process of its own, which can be held. */
function startAgent(stateDir: string, ports: readonly number[]): ChildProcess {
  const allow = ports.flatMap((port) => ["--allow", `${LOOPBACK}:${port}`]);
  const script = joinPath(ROOT, "agent/main.ts");
  const args = [script, "run", "--state", stateDir, ...allow];
  return spawn(process.execPath, args, { stdio: "ignore" });
}

async function stopAgent(agent: ChildProcess): Promise<void> {
  if (hasEnded(agent)) return;
  const gone = once(agent, "exit");
  agent.kill("SIGKILL"); // it may be held
  await gone;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function removeHost(api: ApiClient, hostId: string): Promise<string> {
  await api.removeHost(hostId);
  return "and its sessions with it";
}

async function reachable(api: ApiClient): Promise<void> {
  try {
    await api.hosts();
  } catch (error) {
    throw new SentenceError(`${api.edge} cannot be tested: ${describeError(error)}`);
  }
}

async function noCredential(api: ApiClient, hostId: string): Promise<string> {
  const session = await api.createSession({ host_id: hostId, port: 5900, ttl_seconds: 60 });
  const { code, reason } = await new SmokeSocket(session.websocket_url, STEP_TIMEOUT_MS).closed;
  expectThat(code === CloseCode.unauthorized, `it was closed with ${code}, not 4401`);
  await api.endSession(session.session_id);
  return reason;
}

async function connect(api: ApiClient, hostId: string, port: number) {
  const session = await api.createSession({ host_id: hostId, port, ttl_seconds: 300 });
  const { websocket_url } = await api.ticket(session.session_id);
  return { session, socket: new SmokeSocket(websocket_url, STEP_TIMEOUT_MS) };
}

async function wholeStream(api: ApiClient, hostId: string, port: number): Promise<string> {
  const { session, socket } = await connect(api, hostId, port);
  const { width, height } = await handshake(socket);
  const times: number[] = [];
  for (let n = 0; n < ROUND_TRIPS; n++) {
    const startedAt = performance.now();
    await requestPixel(socket);
    times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  await socket.close();
  await api.endSession(session.session_id);
  const median = times[Math.floor(times.length / 2)] ?? 0;
  return `${width}x${height}, a pixel asked for comes in ${median.toFixed(1)} ms`;
}

async function stalledViewer(api: ApiClient, hostId: string, flood: Flood): Promise<string> {
  const { session, socket } = await connect(api, hostId, flood.port);
  await logIn(socket);
  socket.pause();
  socket.send(SHARED);
  let sent = -1;
  while (sent !== flood.sent()) {
    sent = flood.sent();
    await sleep(STALLED_MS);
  }
  socket.terminate();
  await api.endSession(session.session_id);
  const megabytes = `${(sent / 1024 / 1024).toFixed(0)} MB`;
  expectThat(sent < STALL_LIMIT_BYTES, `the sender got rid of ${megabytes} before it stopped`);
  return `the sender stopped after ${megabytes}`;
}

async function chat(api: ApiClient, hostId: string, port: number): Promise<string> {
  const session = await api.createSession({ host_id: hostId, port, ttl_seconds: 300 });
  const enter = async () => {
    const { ticket } = await api.ticket(session.session_id);
    const edge = api.edge.replace(/^http/, "ws");
    const url = `${edge}/chat-ws?room=session:${session.session_id}&ticket=${ticket}`;
    const socket = new SmokeSocket(url, STEP_TIMEOUT_MS);
    await socket.readJson("welcome");
    return socket;
  };
  const [one, other] = [await enter(), await enter()];
  one.send(JSON.stringify({ type: "send", cid: "smoke-1", text: "ahoy" }));
  await one.readJson("ack");
  const message = await other.readJson("message");
  expectThat(message.text === "ahoy", `the other member received ${JSON.stringify(message)}`);
  await Promise.all([one.close(), other.close()]);
  await api.endSession(session.session_id);
  return "two members";
}

/**
 * An agent that is asked to close a stream and does not is what a revocation must not depend on: the
 * edge then cuts that stream itself.
 */
async function cutStream(
  api: ApiClient,
  hostId: string,
  port: number,
  agent: ChildProcess,
): Promise<string> {
  const { session, socket: stays } = await connect(api, hostId, port);
  const { session_id } = session;
  const body = { name: "smoke test", role: "operator" } as const;
  const { key_id, key } = await api.call("POST /api/keys", { body });
  const revoke = () => api.call("DELETE /api/keys/:id", { params: { id: key_id } });
  let isRevoked = false;
  let seconds = 0;
  try {
    const { websocket_url } = await new ApiClient(api.edge, key).ticket(session_id);
    const goes = new SmokeSocket(websocket_url, STEP_TIMEOUT_MS);
    await Promise.all([handshake(stays), handshake(goes)]);
    agent.kill("SIGSTOP");
    const revokedAt = performance.now();
    await revoke();
    isRevoked = true;
    await goes.closed;
    seconds = (performance.now() - revokedAt) / 1000;
  } finally {
    agent.kill("SIGCONT");
    if (!isRevoked) await revoke();
  }
  await requestPixel(stays);
  await stays.close();
  await api.endSession(session_id);
  return `after ${seconds.toFixed(1)} s`;
}

async function endedSession(api: ApiClient, hostId: string, port: number): Promise<string> {
  const { session, socket } = await connect(api, hostId, port);
  await socket.read(VERSION.length);
  await api.endSession(session.session_id);
  const { code, reason } = await socket.closed;
  expectThat(code === CloseCode.ended, `it was closed with ${code} ${reason}`);
  return reason;
}
