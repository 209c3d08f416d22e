import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { runAgent } from "../agent/agent.ts";
import { defaultAllowList } from "../agent/allow-list.ts";
import { type Config, readConfig } from "../agent/config.ts";
import { type Identity, readIdentity, writeIdentity } from "../agent/identity.ts";
import { join as joinEdge } from "../agent/join.ts";
import type { Log } from "../agent/log.ts";
import { passwordsOf } from "../agent/passwords.ts";
import { type DemoDesktop, startDemo } from "../demo/server.ts";
import { RFB_BASE_PORT, RFB_LAST_PORT } from "../protocol/ids.ts";
import { settingsIn, wrongSetting } from "../worker/settings.ts";
import { ApiClient, ApiError } from "./api-client.ts";
import { build } from "./build.ts";
import type { Edge } from "./edge.ts";
import { poll } from "./poll.ts";
import { SentenceError } from "./sentence.ts";
import { ROOT } from "./tool.ts";

/** Everything of Porthole on this machine: the edge, an agent, a desktop to look at. */

const USAGE = `Options: [--no-demo] [--no-agent]
  --no-demo    do not offer the demo desktop
  --no-agent   run the edge alone
Environment: PORT (8787), PORTHOLE_STATE (.porthole), ADMIN_TOKEN (else made and kept there),
TRUST_PROXY=1 behind a proxy that says in X-Forwarded-For and -Proto who comes, and how;
and the edge's other settings, as in docs/deploy.md.`;

const HOST = "127.0.0.1";
const DEFAULT_PORT = 8787;

/** How long the agent has to come online and show the desktop. */
const READY_TIMEOUT_MS = 30_000;

/** What a shell expects of a program that Ctrl-C ended at once. */
const EXIT_INTERRUPTED = 130;

/** The agent's own state, in the state folder. */
const AGENT_DIR = "agent";

/** What the agent on this machine has: who it was last time, and what its owner set. */
type AgentState = { identity: Identity | null; config: Config };

/** @throws {SentenceError} if something of it is there and cannot be used */
function readAgentState(stateDir: string): AgentState {
  const agentDir = join(stateDir, AGENT_DIR);
  try {
    return { identity: readIdentity(agentDir), config: readConfig(agentDir) };
  } catch (error) {
    throw new SentenceError((error as Error).message);
  }
}

type Settings = {
  port: number;
  stateDir: string;
  trustProxy: boolean;
  demo: boolean;
  agent: boolean;
};

/** @throws {SentenceError} on an option, a PORT, a TRUST_PROXY or a number that is none */
function readSettings(): Settings {
  let flags: { "no-demo"?: boolean; "no-agent"?: boolean };
  try {
    const boolean = { type: "boolean" } as const;
    flags = parseArgs({ options: { "no-demo": boolean, "no-agent": boolean } }).values;
  } catch (error) {
    throw new SentenceError(`${(error as Error).message}\n\n${USAGE}`);
  }
  const port = Number(process.env.PORT || DEFAULT_PORT);
  if (!/^\d*$/.test(process.env.PORT ?? "") || port < 1 || port > 65_535) {
    throw new SentenceError(`PORT is "${process.env.PORT}"; it must be a number from 1 to 65535.`);
  }
  const { TRUST_PROXY = "" } = process.env;
  if (!["", "0", "1"].includes(TRUST_PROXY)) {
    throw new SentenceError(`TRUST_PROXY is "${TRUST_PROXY}"; it must be 1, or not set.`);
  }
  const wrong = wrongSetting(settingsIn(process.env));
  if (wrong !== null) throw new SentenceError(wrong);
  return {
    port,
    trustProxy: TRUST_PROXY === "1",
    stateDir: resolve(process.env.PORTHOLE_STATE || join(ROOT, ".porthole")),
    demo: !flags["no-demo"] && !flags["no-agent"],
    agent: !flags["no-agent"],
  };
}

/** stat(2): of a folder that many write to, as /tmp. */
const STICKY = 0o1000;

/** Makes the state folder, readable by its owner only, and sees that it can be written. */
function openStateDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    // One that was there keeps its mode; but /tmp itself is all users', and must stay so.
    if (statSync(dir).mode & STICKY) throw new Error("all users share it");
    chmodSync(dir, 0o700);
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new SentenceError(
      `The state folder ${dir} cannot be used (${(error as Error).message}). ` +
        "Mend or delete it, or choose another: PORTHOLE_STATE=/some/folder npm start",
    );
  }
}

/** What a Bearer header can carry, and the sign-in takes. */
const TOKEN_PATTERN = /^[\x21-\x7e]{1,512}$/;

/**
 * The admin token: from ADMIN_TOKEN, or made once and kept in the state folder.
 * @throws {SentenceError} if it cannot be read, or is none
 */
function adminToken(stateDir: string): string {
  const given = process.env.ADMIN_TOKEN;
  if (given) {
    if (TOKEN_PATTERN.test(given)) return given;
    throw new SentenceError("ADMIN_TOKEN may hold only printable ASCII characters without spaces.");
  }
  const file = join(stateDir, "admin-token");
  const remedy = "delete it to have a new one made";
  let token: string;
  try {
    if (!existsSync(file)) {
      writeFileSync(file, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
    }
    token = readFileSync(file, "utf8").trim();
  } catch (error) {
    const why = (error as Error).message;
    throw new SentenceError(`The admin token in ${file} cannot be used (${why}); ${remedy}.`);
  }
  if (TOKEN_PATTERN.test(token)) return token;
  const what = token === "" ? "empty" : "damaged";
  throw new SentenceError(`The admin token in ${file} is ${what}; ${remedy}.`);
}

/** A demo desktop on the highest free display, out of the way of real ones. */
async function startDemoOnDisplay(): Promise<DemoDesktop> {
  for (let port = RFB_LAST_PORT; port >= RFB_BASE_PORT; port--) {
    try {
      return await startDemo({ port });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new SentenceError(
    `No port from ${RFB_BASE_PORT} to ${RFB_LAST_PORT} is free for the demo desktop; try npm start -- --no-demo`,
  );
}

/** This machine as a host of its own edge: who it was last time, or newly joined. */
async function localIdentity(
  api: ApiClient,
  stateDir: string,
  existing: Identity | null,
): Promise<Identity> {
  const agentDir = join(stateDir, AGENT_DIR);
  if (existing && (await isKnown(api, existing.host_id))) {
    const identity = { ...existing, edge: api.edge };
    if (existing.edge !== api.edge) writeIdentity(agentDir, identity);
    return identity;
  }
  const { token } = await api.joinToken();
  return joinEdge({ edge: api.edge, token, name: hostname(), stateDir: agentDir, replace: true });
}

async function isKnown(api: ApiClient, hostId: string): Promise<boolean> {
  try {
    await api.host(hostId);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return false;
    throw error;
  }
}

/** The demo's session, made once and used again while it lives. */
async function demoSession(api: ApiClient, hostId: string, port: number): Promise<string> {
  const { items } = await api.sessions();
  const open = items.find((session) => session.host_id === hostId && session.vnc_port === port);
  if (open) return open.session_id;
  return (await api.createSession({ host_id: hostId, port, label: "Demo desktop" })).session_id;
}

/** What stands before the edge and answers browsers in its place, as Vite does in development. */
export type Front = { url: string; stop(): Promise<void> };
export type FrontMaker = (edge: Edge, at: { host: string; port: number }) => Promise<Front>;

/**
 * Runs everything until Ctrl-C. Lines for a person go to standard output, the structured log to
 * standard error; the line `ready <sign-in link>` says that a picture can be seen.
 * @throws {SentenceError} for whatever a person can mend
 */
export async function runLocal(makeFront?: FrontMaker): Promise<void> {
  const settings = readSettings();
  openStateDir(settings.stateDir);
  const token = adminToken(settings.stateDir);
  const agentState = settings.agent ? readAgentState(settings.stateDir) : null;
  // A second of compiling: whoever has something to mend is told at once.
  const { assertFree, startEdge } = await import("./edge.ts");
  await assertFree(HOST, settings.port);
  await build({ all: false, say: console.log });

  const log = (line: string) => console.error(line);
  const stopping = new AbortController();
  const cleanups: Array<() => Promise<unknown>> = [];
  const stop = async () => {
    if (stopping.signal.aborted) process.exit(EXIT_INTERRUPTED); // asked twice
    stopping.abort();
    for (const cleanup of cleanups.reverse()) await cleanup();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);

  const edge = await startEdge({
    host: HOST,
    port: makeFront ? 0 : settings.port,
    stateDir: join(settings.stateDir, "edge"),
    vars: { ...settingsIn(process.env), ADMIN_TOKEN: token },
    trustProxy: settings.trustProxy,
    log,
  });
  cleanups.push(() => edge.stop());
  let url = edge.url;
  if (makeFront) {
    const front = await makeFront(edge, { host: HOST, port: settings.port });
    cleanups.push(() => front.stop());
    url = front.url;
  }

  const api = new ApiClient(url, token);
  let landing: string | null = null;
  if (agentState) {
    const demo = settings.demo ? await startDemoOnDisplay() : null;
    if (demo) cleanups.push(() => demo.close());
    const { config } = agentState;
    const identity = await localIdentity(api, settings.stateDir, agentState.identity);
    const agentLog: Log = (event, fields) => log(JSON.stringify({ event, ...fields }));
    const running = runAgent({
      identity,
      allowed: defaultAllowList(),
      findPassword: passwordsOf(config, agentLog),
      desktops: { config, stateDir: join(settings.stateDir, AGENT_DIR) },
      log: agentLog,
      signal: stopping.signal,
    });
    cleanups.push(() => running);
    running.then((refusal) => {
      if (refusal !== null) console.error(`The edge refused the agent: ${refusal}`);
    });
    await poll(READY_TIMEOUT_MS, `the host ${identity.name} to come online`, async () => {
      const { online, displays } = await api.host(identity.host_id);
      return online && (!demo || displays.some((display) => display.port === demo.port));
    });
    if (demo) landing = `/view/${await demoSession(api, identity.host_id, demo.port)}`;
  }

  const link = new URL((await api.signInLink()).url);
  if (landing) link.searchParams.set("next", landing);
  const where = process.env.ADMIN_TOKEN ? "ADMIN_TOKEN" : join(settings.stateDir, "admin-token");
  console.log(`
Porthole runs at ${url}. Ctrl-C ends it.
The link below signs one browser in, once, within the hour; after that, use the token in
${where}
ready ${link}`);
}
