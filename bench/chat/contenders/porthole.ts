import { join } from "node:path";
import { joinHost, startEdgeProcess } from "../../edge-process.ts";
import type { Processes } from "../../processes.ts";
import type { Address, Dialect } from "../wire.ts";
import type { ChatContender } from "./contender.ts";

/** Nobody has to be there to be watched: the room of a session is open from its beginning. */
const PORT = 5900;

/** How many tickets are asked for at once. */
const AT_ONCE = 8;

/** As Porthole's own page speaks: with frames of several messages, and answers to `sync`. */
const DIALECT: Dialect = {
  greeting: null,
  hear(frame) {
    if (frame.startsWith('{"type":"message"')) return {}; // nearly all of them, and nothing else is in it
    if (frame.includes('"type":"welcome"')) return { ready: true };
    const [, mark] = /"type":"sync","mark":"([^"]+)"/.exec(frame) ?? [];
    return mark === undefined ? {} : { answer: JSON.stringify({ type: "sync", mark }) };
  },
  encode: (text, id) => JSON.stringify({ type: "send", cid: String(id), text }),
};

/** Porthole's edge as `npm start` runs it; every member is a person with a ticket. */
export async function startPortholeChat(
  processes: Processes,
  stateDir: string,
): Promise<ChatContender> {
  const edge = await startEdgeProcess(processes, join(stateDir, "edge"), ["--no-agent"]);
  const { admin, child } = edge;
  const host_id = await joinHost(processes, edge, join(stateDir, "agent"));
  const room = async (members: number): Promise<Address[]> => {
    const { session_id } = await admin.createSession({ host_id, port: PORT });
    const addresses: Address[] = [];
    const ask = async (name: string): Promise<Address> => {
      const body = { role: "view", name } as const;
      const params = { id: session_id };
      const { ticket } = await admin.call("POST /api/vnc/session/:id/tickets", { params, body });
      const query = new URLSearchParams({ room: `session:${session_id}`, batch: "1", ticket });
      return { url: `${admin.edge.replace("http", "ws")}/chat-ws?${query}` };
    };
    while (addresses.length < members) {
      const count = Math.min(AT_ONCE, members - addresses.length);
      const names = Array.from({ length: count }, (_, n) => `member ${addresses.length + n}`);
      addresses.push(...(await Promise.all(names.map(ask))));
    }
    return addresses;
  };
  const roots = [child.pid];
  return { id: "porthole", dialect: DIALECT, roots, room, stop: () => processes.stop(roots) };
}
