import { join } from "node:path";
import { AGENT, joinHost, startEdgeProcess } from "../../edge-process.ts";
import { LOOPBACK } from "../../ports.ts";
import type { Processes } from "../../processes.ts";
import type { Security } from "../rfb.ts";
import type { Contender, ContenderId } from "./contender.ts";

/** How long the agent has to come online and to show the server. */
const AGENT_READY_MS = 15_000;

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
  const edge = await startEdgeProcess(processes, join(stateDir, "edge"), ["--no-agent"]);
  const { admin: api } = edge;
  const agentDir = join(stateDir, "agent");
  const host = await joinHost(processes, edge, agentDir);
  const agent = processes.start("porthole-agent run", process.execPath, [
    AGENT,
    "run",
    ...["--state", agentDir],
    ...Object.values(ports).flatMap((vncPort) => ["--allow", `${LOOPBACK}:${vncPort}`]),
  ]);
  await agent.waitUntil("the agent to show the servers", AGENT_READY_MS, async () => {
    const { online, displays } = await api.host(host);
    return online && displays.length === Object.values(ports).length;
  });

  const roots = [edge.child.pid, agent.pid];
  const contender = async (id: ContenderId, security: Security): Promise<Contender> => {
    const { session_id } = await api.createSession({ host_id: host, port: ports[security] });
    const address = async () => (await api.ticket(session_id)).websocket_url;
    return { id, security, roots, address, stop: () => processes.stop(roots) };
  };
  return [await contender("porthole", "none"), await contender("porthole_ungated", "unknown")];
}
