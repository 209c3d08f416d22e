import { join } from "node:path";
import { freePort, LOOPBACK } from "../../ports.ts";
import type { Processes } from "../../processes.ts";
import type { Dialect } from "../wire.ts";
import type { ChatContender } from "./contender.ts";

const READY_MS = 30_000;

const DIALECT: Dialect = {
  greeting: JSON.stringify({ name: "somebody" }),
  hear: (frame) => (frame === '{"ready":true}' ? { ready: true } : {}),
  encode: (text) => JSON.stringify({ message: text }),
};

/**
 * A chat that works as Cloudflare's public demo of Durable Objects does, in workerd; and the same
 * when it sends what is stored, as the others do.
 */
export async function startDemo(
  processes: Processes,
  stateDir: string,
  id: "demo" | "demo_stored",
): Promise<ChatContender> {
  const port = await freePort();
  const script = join(import.meta.dirname, "demo-server.ts");
  const args = [script, String(port), stateDir, id];
  const server = processes.start("the demo's chat", process.execPath, args);
  await server.waitForLine("ready", READY_MS);
  const roots = [server.pid];
  let rooms = 0;
  return {
    id,
    dialect: DIALECT,
    roots,
    room: async (members) => {
      const url = `ws://${LOOPBACK}:${port}/room-${++rooms}`;
      return new Array(members).fill({ url });
    },
    stop: () => processes.stop(roots),
  };
}
