import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ApiClient } from "../../scripts/api-client.ts";
import { ROOT } from "../../scripts/tool.ts";
import { freePort, LOOPBACK } from "../ports.ts";
import type { Processes } from "../processes.ts";
import type { Security } from "../rfb.ts";
import type { Contender, ContenderId } from "./contender.ts";

/** How long the edge has to build what is stale and to answer. */
const EDGE_READY_MS = 180_000;

/** How long the agent has to join, to come online and to show the server. */
const AGENT_READY_MS = 15_000;

const AGENT = join(ROOT, "dist/porthole-agent.mjs");

/**
 * Porthole as `npm start` runs it, with the agent in a process of its own, as on a host; and the
 * same edge and agent for a server whose handshake the agent does not speak, so that its bytes pass
 * without the gate.
 */
export async function startPorthole(
  processes: Processes,
  stateDir: string,
  ports: Record<Security, number>,
): Promise<Contender[]> {
  const port = await freePort();
  const adminToken = randomBytes(32).toString("base64url");
  const edge = processes.start(
    "the edge",
    process.execPath,
    [join(ROOT, "scripts/start.ts"), "--no-agent"],
    { ADMIN_TOKEN: adminToken, PORT: String(port), PORTHOLE_STATE: join(stateDir, "edge") },
  );
  await edge.waitForLine("ready ", EDGE_READY_MS);

  const api = new ApiClient(`http://${LOOPBACK}:${port}`, adminToken);
  const agentState = ["--state", join(stateDir, "agent")];
  const { token } = await api.joinToken("bench");
  const joining = processes.start("porthole-agent join", process.execPath, [
    AGENT,
    "join",
    api.edge,
    token,
    ...agentState,
  ]);
  await joining.succeed(AGENT_READY_MS);
  const agent = processes.start("porthole-agent run", process.execPath, [
    AGENT,
    "run",
    ...agentState,
    ...Object.values(ports).flatMap((vncPort) => ["--allow", `${LOOPBACK}:${vncPort}`]),
  ]);
  const host = (await api.hosts()).items[0]?.host_id ?? "";
  await agent.waitUntil("the agent to show the servers", AGENT_READY_MS, async () => {
    const { online, displays } = await api.host(host);
    return online && displays.length === Object.values(ports).length;
  });

  const roots = [edge.pid, agent.pid];
  const contender = async (id: ContenderId, security: Security): Promise<Contender> => {
    const { session_id } = await api.createSession({ host_id: host, port: ports[security] });
    const address = async () => (await api.ticket(session_id)).websocket_url;
    return { id, security, roots, address, stop: () => processes.stop(roots) };
  };
  return [await contender("porthole", "none"), await contender("porthole_ungated", "unknown")];
}
