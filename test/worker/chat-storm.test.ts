import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChatClient } from "../support/chat-client.ts";
import { People } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { RoomMember } from "../support/room-member.ts";

const CLIENTS = 20;
const MESSAGES = 1_000;
/**
 * After so many messages one of the clients is cut. Not after some time: on a busy machine that
 * would be more and more cuts for as many messages, and each is work for all.
 */
const CUT_EVERY = 80;

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

/** Numbers that look random and are the same in every run. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

/** It takes 25 s alone; others may run beside it. */
const STORM_MS = 180_000;

describe("a storm in a chat room", () => {
  it(
    "of 20 clients with 1,000 messages each, sockets cut, the room evicted and the edge killed, loses, doubles and reorders nothing",
    async () => {
      const { host_id } = await rig.enrol();
      const { session_id } = await rig.api.createSession({ host_id, port: 5900 });
      const link = await people.shareLink(session_id);
      const clients: ChatClient[] = [];
      for (let n = 0; n < CLIENTS; n++) {
        const headers = people.browser((await people.redeem(link.secret)).cookie);
        const url = `${rig.edge.url.replace("http", "ws")}/chat-ws?room=session:${session_id}&batch=1`;
        const dial = (since: number) => new RoomMember(`${url}&since=${since}`, { headers });
        clients.push(new ChatClient(dial));
      }
      for (const [n, client] of clients.entries()) {
        for (let m = 0; m < MESSAGES; m++) client.say(`${n}-${m}`, `message ${m} of client ${n}`);
      }
      const evict = (webSockets: "close" | "hibernate") =>
        rig.edge.miniflare.unsafeEvictDurableObject("porthole", "ChatRoom", {
          name: `session:${session_id}`,
          webSockets,
        });
      const random = pseudoRandom(6);
      const cutting = async () => {
        for (let seq = CUT_EVERY; seq < CLIENTS * MESSAGES * 0.8; seq += CUT_EVERY) {
          await clients[0]?.reached(seq);
          clients[Math.floor(random() * CLIENTS)]?.cut();
        }
      };
      const cuts = cutting();
      const settled = Promise.all(clients.map((client) => client.settled(CLIENTS * MESSAGES)));
      const said = (part: number) => clients[0]?.reached(CLIENTS * MESSAGES * part);
      await said(0.2);
      await evict("hibernate");
      await said(0.4);
      await evict("close");
      await said(0.6);
      await rig.edge.reload(); // with SIGKILL
      await said(0.8);
      await cuts;
      await settled;
      expect(Math.min(...clients.map(({ closings }) => closings.length))).toBeGreaterThan(1);

      const [first] = clients;
      const order = first?.changes.map((change) => change.seq);
      expect(order).toEqual(Array.from({ length: CLIENTS * MESSAGES }, (_, n) => n + 1));
      const texts = (client?: ChatClient) =>
        client?.changes.map((change) => JSON.stringify(change));
      const expected = texts(first);
      const cids = first?.changes.map((change) => change.type === "message" && change.cid);
      expect(new Set(cids).size).toBe(CLIENTS * MESSAGES);
      for (const [n, client] of clients.entries()) {
        expect(texts(client)).toEqual(expected);
        const own = first?.changes.filter(
          (change) => change.type === "message" && change.cid.startsWith(`${n}-`),
        );
        for (const message of own ?? []) {
          const cid = message.type === "message" ? message.cid : "";
          expect(client.acks.get(cid)).toEqual(new Set([message.seq]));
        }
      }
      for (const client of clients) await client.stop();
    },
    STORM_MS,
  );
});
