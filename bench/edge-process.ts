import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { ApiClient } from "../scripts/api-client.ts";
import { ROOT } from "../scripts/tool.ts";
import { freePort, LOOPBACK } from "./ports.ts";
import type { Child, Processes } from "./processes.ts";

/** How long the edge has to build what is stale and to answer. */
const EDGE_READY_MS = 180_000;

/** How long an agent has to join. */
const JOIN_MS = 15_000;

export const AGENT = join(ROOT, "dist/porthole-agent.mjs");

/** What `npm start` runs, in a process of its own. */
export type EdgeProcess = {
  child: Child;
  /** As whoever has the admin token. */
  admin: ApiClient;
};

/** @param options of `npm start` */
export async function startEdgeProcess(
  processes: Processes,
  stateDir: string,
  options: string[] = [],
): Promise<EdgeProcess> {
  const port = await freePort();
  const adminToken = randomBytes(32).toString("base64url");
  const script = join(ROOT, "scripts/start.ts");
  const child = processes.start("the edge", process.execPath, [script, ...options], {
    ADMIN_TOKEN: adminToken,
    PORT: String(port),
    PORTHOLE_STATE: stateDir,
  });
  await child.waitForLine("ready ", EDGE_READY_MS);
  return { child, admin: new ApiClient(`http://${LOOPBACK}:${port}`, adminToken) };
}

/** Has a machine join. @returns its host id; its agent runs with that state */
export async function joinHost(
  processes: Processes,
  { admin }: EdgeProcess,
  stateDir: string,
): Promise<string> {
  const { token } = await admin.joinToken("bench");
  const args = [AGENT, "join", admin.edge, token, "--state", stateDir];
  await processes.start("porthole-agent join", process.execPath, args).succeed(JOIN_MS);
  return (await admin.hosts()).items[0]?.host_id ?? "";
}
