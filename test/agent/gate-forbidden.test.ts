import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { MAX_CLIPBOARD_BYTES } from "../../protocol/limits.ts";
import { cutText, setEncodings, updateRequest } from "../support/client-messages.ts";
import {
  DROPPED,
  ENCODINGS,
  ENDING,
  forbiddenTo,
  isKnown,
  MEANT_TYPES,
  PARTIES,
  type Party,
  splits,
} from "../support/forbidden-messages.ts";
import { RecordingServer } from "../support/recording-server.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";
import { type Rig, startRig, type TestAgent } from "../support/rig.ts";

/** So many streams at once. */
const LANES = 4;

let rig: Rig;
let servers: RecordingServer[];
let agent: TestAgent;

beforeAll(async () => {
  const starting = Array.from({ length: LANES }, () => RecordingServer.start());
  [rig, servers] = await Promise.all([startRig(), Promise.all(starting)]);
  agent = await rig.startAgent({ allow: servers.map(({ port }) => `127.0.0.1:${port}`) });
});

afterAll(async () => {
  await rig?.stop();
  for (const server of servers ?? []) await server.close();
});

/** A viewer of a session of its own, let in, that has listed every encoding; and the server's ear. */
async function enter(party: Party, lane = 0) {
  const server = servers[lane] as RecordingServer;
  const { role, control, clipboard } = PARTIES[party];
  const { session_id: id } = await rig.api.createSession({
    host_id: agent.hostId,
    port: server.port,
    control,
    clipboard,
  });
  const { websocket_url } = await rig.api.call("POST /api/vnc/session/:id/tickets", {
    params: { id },
    body: { role },
  });
  const viewer = new RfbViewer(new WebSocket(websocket_url, { perMessageDeflate: false }));
  const before = server.clients.length;
  await viewer.join();
  const heard = await server.client(before + 1);
  for (const byte of setEncodings(0, ...ENCODINGS.map(({ encoding }) => encoding))) {
    viewer.send([byte]);
  }
  const allowed = ENCODINGS.filter(({ to }) => !to.includes(party));
  return { viewer, heard, list: setEncodings(0, ...allowed.map(({ encoding }) => encoding)) };
}

/**
 * Of one who watches all that ends the stream, but for types that mean nothing to any server; of
 * others one message of each kind. client-filter.test.ts has all of it for all.
 */
function ending(party: Party): typeof ENDING {
  const kinds = new Set<number>();
  return forbiddenTo(party, ENDING).filter(({ bytes: [type = 0] }) => {
    if (party === "who watches") return isKnown(type) || MEANT_TYPES.includes(type);
    const kind = isKnown(type) ? type : -1;
    const isNew = !kinds.has(kind);
    kinds.add(kind);
    return isNew;
  });
}

describe.each(Object.keys(PARTIES) as Party[])("a viewer %s", (party) => {
  it("is heard by the server in nothing that it may not say, cut behind every byte", async () => {
    const { viewer, heard, list } = await enter(party);
    const wanted = [list];
    const say = (parts: Buffer[]) => {
      const marker = updateRequest(true, 0, 0, 64, wanted.length);
      wanted.push(marker);
      viewer.send(...parts, marker);
    };
    for (const { bytes } of forbiddenTo(party, DROPPED)) splits(bytes).forEach(say);
    const tooLong = cutText(Buffer.alloc(MAX_CLIPBOARD_BYTES + 1));
    for (let cut = 1; cut < 10; cut++) say([tooLong.subarray(0, cut), tooLong.subarray(cut)]);
    const all = Buffer.concat(wanted);
    expect((await heard.said(all.length)).equals(all)).toBe(true);
    viewer.socket.close();
    await viewer.closed;
  });

  it("is closed with 4400 by what is never said, byte by byte, and the server hears none of it", async () => {
    const left = ending(party);
    const lane = async (_: unknown, lane: number) => {
      for (let next = left.pop(); next; next = left.pop()) {
        const { message, bytes, reason } = next;
        const { viewer, heard, list } = await enter(party, lane);
        viewer.send(...Array.from(bytes, (byte) => [byte]));
        expect({ message, ...(await viewer.closed) }).toEqual({
          message,
          code: 4400,
          reason: `A message of your viewer ${reason}.`,
        });
        if (!heard.socket.closed) await once(heard.socket, "close");
        expect({ message, heard: heard.bytes }).toEqual({ message, heard: list });
      }
    };
    await Promise.all(servers.map(lane));
  });
});
