import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { runAgent } from "../agent/agent.ts";
import { join } from "../agent/join.ts";
import { describeError } from "../agent/log.ts";
import { startDemo } from "../demo/server.ts";
import { CloseCode } from "../protocol/close-codes.ts";
import { LOOPBACK } from "../protocol/ids.ts";
import { ApiClient } from "./api-client.ts";
import { poll } from "./poll.ts";
import { runScript, SentenceError } from "./sentence.ts";
import { SmokeSocket } from "./smoke-socket.ts";

/**
 * `npm run smoke -- <url>`: runs a whole stream, a stalled viewer and a chat through a running edge,
 * from an agent and a desktop on this machine, and says what holds. It leaves nothing behind. What
 * it shows cannot be shown by tests: that the edge's network does what workerd does.
 */

const USAGE = "ADMIN_TOKEN=<the edge's admin token> npm run smoke -- https://porthole.example";

/** How long each wait has: an edge may be on the other side of the world, and starting. */
const STEP_TIMEOUT_MS = 20_000;

/** What the stalled viewer's host wants to send. */
const FLOOD_BYTES = 200 * 1024 * 1024;

/** A sender that is held back stops long before this; one that is not reaches FLOOD_BYTES. */
const STALL_LIMIT_BYTES = 64 * 1024 * 1024;

/** A sender that moved nothing for this long has stopped. */
const STALLED_MS = 3_000;

const ROUND_TRIPS = 50;

/** RFC 6143: what a viewer says to come to a picture, and where the server's answers end. */
const VERSION = Buffer.from("RFB 003.008\n");
const CHOOSE_NONE = Buffer.from([1]);
const OFFER_NONE = Buffer.from([1, 1]);
const RESULT_OK = Buffer.alloc(4);
const SHARED = Buffer.from([1]);
const SERVER_INIT_HEAD_BYTES = 24;

let failures = 0;

/** Runs one step and says how it went; the others run all the same. */
async function step(name: string, run: () => Promise<string>): Promise<void> {
  try {
    const detail = await run();
    console.log(`ok      ${name}: ${detail}`);
  } catch (error) {
    failures++;
    console.log(`FAILED  ${name}: ${describeError(error)}`);
  }
}

function expectThat(holds: boolean, otherwise: string): void {
  if (!holds) throw new SentenceError(otherwise);
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

await runScript(async () => {
  const api = readTarget();
  const stateDir = mkdtempSync(`${tmpdir()}/porthole-smoke-`);
  const stopping = new AbortController();
  const desktop = await startDemo({ port: 0 });
  const flood = await startFlood();
  let agent: Promise<string | null> = Promise.resolve(null);
  let hostId: string | null = null;
  try {
    await reachable(api);
    const { token } = await api.joinToken();
    const identity = await join({ edge: api.edge, token, name: "smoke test", stateDir });
    hostId = identity.host_id;
    const allowed = [desktop.port, flood.port].map((port) => ({
      address: LOOPBACK,
      firstPort: port,
      lastPort: port,
    }));
    const findPassword = async () => null;
    const { signal } = stopping;
    agent = runAgent({ identity, allowed, findPassword, log: () => {}, signal });
    await step("an agent joins and comes online", async () => {
      await poll(STEP_TIMEOUT_MS, "the host to come online", async () => {
        return (await api.host(identity.host_id)).online;
      });
      return `as host ${identity.host_id}`;
    });
    await step("a viewer without a credential is refused", () =>
      noCredential(api, identity.host_id),
    );
    await step("a whole stream shows a picture", () =>
      wholeStream(api, identity.host_id, desktop.port),
    );
    await step("a viewer that stops reading holds the sender back", () =>
      stalledViewer(api, identity.host_id, flood),
    );
    await step("a chat stores, acknowledges and delivers", () =>
      chat(api, identity.host_id, desktop.port),
    );
    await step("ending a session closes its viewer with 4410", () =>
      endedSession(api, identity.host_id, desktop.port),
    );
  } finally {
    stopping.abort();
    await agent;
    await desktop.close();
    flood.close();
    rmSync(stateDir, { recursive: true, force: true });
    const made = hostId;
    if (made !== null) await step("the host is removed again", () => removeHost(api, made));
  }
  console.log(failures === 0 ? "All of it holds." : `${failures} of it does not hold.`);
  process.exit(failures === 0 ? 0 : 1);
});

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

/** RFC 6143, 7.1 to 7.3, as a viewer. */
async function handshake(socket: SmokeSocket): Promise<{ width: number; height: number }> {
  await logIn(socket);
  socket.send(SHARED);
  const head = await socket.read(SERVER_INIT_HEAD_BYTES);
  await socket.read(head.readUInt32BE(20));
  return { width: head.readUInt16BE(0), height: head.readUInt16BE(2) };
}

async function logIn(socket: SmokeSocket): Promise<void> {
  const version = await socket.read(VERSION.length);
  expectThat(
    version.equals(VERSION),
    `the server greeted with ${JSON.stringify(version.toString())}`,
  );
  socket.send(VERSION);
  const count = (await socket.read(1)).readUInt8();
  const types = await socket.read(count);
  expectThat(types.includes(1), "the server does not offer the security type None");
  socket.send(CHOOSE_NONE);
  const result = (await socket.read(4)).readUInt32BE();
  expectThat(result === 0, "the server refused");
}

/** Asks for the first pixel, whole: one rectangle of 1x1 in Raw (RFC 6143, 7.5.3, 7.6.1, 7.7.1). */
async function requestPixel(socket: SmokeSocket): Promise<void> {
  socket.send(Buffer.from([3, 0, 0, 0, 0, 0, 0, 1, 0, 1]));
  const head = await socket.read(4);
  expectThat(head.readUInt8(0) === 0, `the server sent message type ${head.readUInt8(0)}`);
  for (let n = head.readUInt16BE(2); n > 0; n--) {
    const rectangle = await socket.read(12);
    expectThat(rectangle.readInt32BE(8) === 0, "the server sent an encoding that nobody asked for");
    await socket.read(rectangle.readUInt16BE(4) * rectangle.readUInt16BE(6) * 4);
  }
}

type Flood = { port: number; sent(): number; close(): void };

/** A VNC server without a picture: once it is asked in, it sends as fast as it is allowed to. */
async function startFlood(): Promise<Flood> {
  const chunk = Buffer.alloc(64 * 1024);
  let sent = 0;
  const server = createServer((socket: Socket) => {
    const pour = () => {
      while (sent < FLOOD_BYTES) {
        sent += chunk.length;
        if (!socket.write(chunk)) return void socket.once("drain", pour);
      }
    };
    /** What it answers when it has heard so many bytes in all (RFC 6143, 7.1 to 7.3). */
    const answers: [number, () => void][] = [
      [VERSION.length, () => socket.write(OFFER_NONE)],
      [VERSION.length + 1, () => socket.write(RESULT_OK)],
      [VERSION.length + 2, pour],
    ];
    let heard = 0;
    socket.on("error", () => socket.destroy());
    socket.on("data", (data: Buffer) => {
      heard += data.length;
      while (answers[0] && heard >= answers[0][0]) answers.shift()?.[1]();
    });
    socket.write(VERSION);
  });
  await new Promise<void>((resolve) => server.listen(0, LOOPBACK, resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { port, sent: () => sent, close: () => server.close() };
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

async function endedSession(api: ApiClient, hostId: string, port: number): Promise<string> {
  const { session, socket } = await connect(api, hostId, port);
  await socket.read(VERSION.length);
  await api.endSession(session.session_id);
  const { code, reason } = await socket.closed;
  expectThat(code === CloseCode.ended, `it was closed with ${code} ${reason}`);
  return reason;
}
