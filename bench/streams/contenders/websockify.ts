import { answers, freePort, LOOPBACK } from "../../ports.ts";
import type { Child, Processes } from "../../processes.ts";
import type { Contender } from "./contender.ts";

/** How long websockify has to listen. */
const READY_MS = 15_000;

/** websockify straight to the VNC server: what there is where no NAT lies between. */
export async function startWebsockify(processes: Processes, vncPort: number): Promise<Contender> {
  const { proxy, port } = await startProxy(processes, vncPort);
  const roots = [proxy.pid];
  return {
    id: "websockify",
    security: "none",
    roots,
    address: async () => `ws://${LOOPBACK}:${port}/`,
    stop: () => processes.stop(roots),
  };
}

/** Runs websockify on a free port, to a TCP port of loopback. */
export async function startProxy(
  processes: Processes,
  targetPort: number,
): Promise<{ proxy: Child; port: number }> {
  const port = await freePort();
  const proxy = processes.start("websockify", "websockify", [
    `${LOOPBACK}:${port}`,
    `${LOOPBACK}:${targetPort}`,
  ]);
  await proxy.waitUntil("websockify to listen", READY_MS, () => answers(port));
  return { proxy, port };
}
