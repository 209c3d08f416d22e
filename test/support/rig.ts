import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { runAgent } from "../../agent/agent.ts";
import type { AllowedTarget } from "../../agent/allow-list.ts";
import { parseAllowedTarget } from "../../agent/allow-list.ts";
import type { Identity } from "../../agent/identity.ts";
import { join } from "../../agent/join.ts";
import type { FindPassword } from "../../agent/passwords.ts";
import { ApiClient } from "../../scripts/api-client.ts";
import { type Edge, startEdge } from "../../scripts/edge.ts";
import { EventLog } from "./event-log.ts";
import type { TcpProxy } from "./tcp-proxy.ts";

export const ADMIN_TOKEN = "the-admin-token-of-the-tests";

/** A real edge in workerd, in this process's care, and agents that join it. */
export type Rig = {
  edge: Edge;
  api: ApiClient;
  /** What the Worker logged. */
  edgeLog: EventLog;
  /** Enrols a machine and waits until it is online. */
  startAgent(options?: StartAgent): Promise<TestAgent>;
  /** The rows that a query finds in an object's storage. */
  stored(className: string, name: string, query: string): Promise<unknown[]>;
  /** Takes an object out of memory; its sockets are kept asleep, or closed. */
  evict(className: string, name: string, webSockets: "hibernate" | "close"): Promise<void>;
  /** Enrols a machine without running its agent. */
  enrol(name?: string, through?: TcpProxy): Promise<Identity>;
  stop(): Promise<void>;
};

type StartAgent = {
  name?: string;
  allow?: string[];
  through?: TcpProxy;
  findPassword?: FindPassword;
};

export type TestAgent = {
  identity: Identity;
  hostId: string;
  log: EventLog;
  /** Settles as `runAgent` does. */
  finished: Promise<string | null>;
  stop(): Promise<void>;
};

/**
 * @param vars settings of the Worker over the defaults
 * @param options of the edge on this machine
 */
export async function startRig(
  vars: Record<string, string> = {},
  options: { trustProxy?: boolean } = {},
): Promise<Rig> {
  const edgeLog = new EventLog();
  const stateDir = mkdtempSync(joinPath(tmpdir(), "porthole-rig-"));
  const edge = await startEdge({
    host: "127.0.0.1",
    port: 0,
    stateDir: joinPath(stateDir, "edge"),
    vars: { ADMIN_TOKEN, ...vars },
    log: (line) => edgeLog.addLine(line),
    inspectObjects: true,
    ...options,
  });
  const api = new ApiClient(edge.url, ADMIN_TOKEN);
  const agents: TestAgent[] = [];
  let enrolled = 0;

  const enrol = async (name = `host-${++enrolled}`, through?: TcpProxy): Promise<Identity> => {
    const { token } = await api.joinToken();
    return join({
      edge: through?.url ?? edge.url,
      token,
      name,
      stateDir: joinPath(stateDir, name),
    });
  };

  return {
    edge,
    api,
    edgeLog,
    enrol,
    async stored(className, name, query) {
      const storage = await edge.miniflare.unsafeGetDurableObjectStorage("porthole", className, {
        name,
      });
      return (await storage.exec(query)) as unknown[];
    },
    async evict(className, name, webSockets) {
      await edge.miniflare.unsafeEvictDurableObject("porthole", className, { name, webSockets });
    },
    async startAgent(options = {}) {
      const identity = await enrol(options.name, options.through);
      const allowed = (options.allow ?? []).map(parseAllowedTarget);
      const agent = runTestAgent(identity, allowed, options.findPassword);
      agents.push(agent);
      await agent.log.waitFor("link.up");
      return agent;
    },
    async stop() {
      for (const agent of agents) await agent.stop();
      await edge.stop();
      rmSync(stateDir, { recursive: true, force: true });
    },
  };
}

/** Runs an agent in this process under an identity. */
export function runTestAgent(
  identity: Identity,
  allowed: readonly AllowedTarget[],
  findPassword: FindPassword = async () => null,
): TestAgent {
  const log = new EventLog();
  const stopping = new AbortController();
  const finished = runAgent({
    identity,
    allowed,
    findPassword,
    log: (event, fields) => log.add({ event, ...fields }),
    signal: stopping.signal,
  });
  return {
    identity,
    hostId: identity.host_id,
    log,
    finished,
    async stop() {
      stopping.abort();
      await finished;
    },
  };
}
