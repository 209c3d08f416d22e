import { join } from "node:path";
import { freePort, LOOPBACK } from "../../ports.ts";
import type { Processes } from "../../processes.ts";
import type { Dialect } from "../wire.ts";
import type { ChatContender } from "./contender.ts";

const READY_MS = 15_000;

/**
 * Engine.IO 4 and Socket.IO 5 as they stand on a WebSocket: `2` is answered by `3`; `40` comes in,
 * here as somebody who has seen everything before; `42<id>[...]` is an event that asks for an
 * acknowledgement, `42[...]` one from the server.
 */
const DIALECT: Dialect = {
  greeting: null,
  hear(frame) {
    if (frame.startsWith("42") || frame.startsWith("43")) return {};
    if (frame.startsWith("0")) {
      return { answer: `40${JSON.stringify({ serverOffset: Number.MAX_SAFE_INTEGER })}` };
    }
    if (frame === "2") return { answer: "3" };
    return frame.startsWith("40{") ? { ready: true } : {};
  },
  encode: (text, id) => `42${id}${JSON.stringify(["chat message", text, `${text}-${id}`])}`,
};

/** A chat on socket.io with SQLite, as its tutorial writes it. All are in one room, as there. */
export async function startSocketIo(
  processes: Processes,
  stateDir: string,
): Promise<ChatContender> {
  const port = await freePort();
  const script = join(import.meta.dirname, "socketio-server.ts");
  const args = [script, String(port), join(stateDir, "chat.db")];
  const server = processes.start("the server with socket.io", process.execPath, args);
  await server.waitForLine("ready", READY_MS);
  const url = `ws://${LOOPBACK}:${port}/socket.io/?EIO=4&transport=websocket`;
  const roots = [server.pid];
  return {
    id: "socketio",
    dialect: DIALECT,
    roots,
    room: async (members) => new Array(members).fill({ url }),
    stop: () => processes.stop(roots),
  };
}
