import { RFB_BASE_PORT } from "../protocol/ids.ts";
import type { Display } from "../protocol/link.ts";
import { type AllowedTarget, LOOPBACK } from "./allow-list.ts";
import { greet } from "./rfb/greeting.ts";

/** How long a local server has to greet while the machine is scanned. A live one takes 1 ms. */
const SCAN_GREETING_MS = 1_500;

/** How many ports are tried at once: enough to be quick, few enough not to look like an attack. */
const SCAN_CONCURRENCY = 20;

/** What a scan looks at: the ports that the owner allows on loopback. */
function loopbackPorts(allowed: readonly AllowedTarget[]): number[] {
  const ports = new Set<number>();
  for (const target of allowed) {
    if (target.address !== LOOPBACK) continue;
    for (let port = target.firstPort; port <= target.lastPort && ports.size < MAX_PORTS; port++) {
      ports.add(port);
    }
  }
  return [...ports];
}

/** A wide allow-list does not turn the agent into a port scanner. */
const MAX_PORTS = 200;

/**
 * Finds the VNC servers on loopback by their greeting.
 * @returns at most 100, by port
 */
export async function findDisplays(
  allowed: readonly AllowedTarget[],
  signal?: AbortSignal,
): Promise<Display[]> {
  const queue = loopbackPorts(allowed);
  const found: Display[] = [];
  const worker = async () => {
    for (let port = queue.shift(); port !== undefined; port = queue.shift()) {
      if (await greets(port, signal)) found.push(display(port));
    }
  };
  await Promise.all(Array.from({ length: SCAN_CONCURRENCY }, worker));
  return found.sort((a, b) => a.port - b.port).slice(0, 100);
}

async function greets(port: number, signal?: AbortSignal): Promise<boolean> {
  try {
    const { socket } = await greet({ host: LOOPBACK, port }, SCAN_GREETING_MS, signal);
    socket.destroy();
    return true;
  } catch {
    return false; // nobody there, or no VNC server: the usual answer of a port
  }
}

function display(port: number): Display {
  return {
    port,
    display: port - RFB_BASE_PORT,
    name: null,
    security: [],
    width: null,
    height: null,
  };
}
