import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocketServer } from "ws";
import { parseAllowedTarget } from "../../agent/allow-list.ts";
import { newKeyPair } from "../../agent/identity.ts";
import {
  LINK_PING,
  LINK_PONG,
  MAX_STREAMS_PER_HOST,
  MAX_VIEWERS_PER_SESSION,
} from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, runTestAgent } from "../support/rig.ts";
import { StreamStage } from "../support/stream-stage.ts";

let stage: StreamStage;

beforeAll(async () => {
  stage = await StreamStage.start();
});

afterAll(() => stage.stop());

describe(`a host with ${MAX_STREAMS_PER_HOST} streams`, () => {
  it("serves them all; one more is closed with 4429, until one of them goes", async () => {
    const { rig, echo } = stage;
    const people = new People(rig);
    const agent = await rig.startAgent({ allow: stage.allow() });
    const newSession = async () =>
      (await rig.api.createSession({ host_id: agent.hostId, port: echo.port })).session_id;
    const view = (session: string) => people.stream(session, bearer(ADMIN_TOKEN));
    const viewers = [];
    while (viewers.length < MAX_STREAMS_PER_HOST) {
      const session = await newSession();
      const room = Math.min(MAX_VIEWERS_PER_SESSION, MAX_STREAMS_PER_HOST - viewers.length);
      const coming = Array.from({ length: room }, () => view(session));
      await Promise.all(coming.map(expectServed));
      viewers.push(...coming);
    }
    const session = await newSession();
    expect(await view(session).closed).toEqual({
      code: 4429,
      reason: `This host has ${MAX_STREAMS_PER_HOST} streams already, its limit.`,
    });
    await Promise.all(viewers.map(expectServed));
    expect((await rig.api.host(agent.hostId)).streams).toBe(MAX_STREAMS_PER_HOST);

    await viewers.pop()?.close();
    await poll(10_000, "the host to forget a stream", async () => {
      return (await rig.api.host(agent.hostId)).streams < MAX_STREAMS_PER_HOST;
    });
    // The places that are left are not for guests, nor for those to whom software gives tickets.
    const ticket = await people.ticket(session, bearer(ADMIN_TOKEN));
    expect(await people.stream(session, { ticket }).closed).toEqual({
      code: 4429,
      reason: `This host has ${MAX_STREAMS_PER_HOST - 1} streams already, the last places are for operators.`,
    });
    const next = view(session);
    await expectServed(next);
    await Promise.all([next, ...viewers].map((viewer) => viewer.close()));
    await agent.stop();
  });
});

describe("an agent whose edge was taken over", () => {
  it(`serves ${MAX_STREAMS_PER_HOST} streams, and refuses one more that it is asked for`, async () => {
    const edge = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(edge, "listening");
    const linked = once(edge, "connection");
    const { privateKey } = newKeyPair();
    const url = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
    const identity = { edge: url, host_id: "h", name: "h", private_key: privateKey };
    const agent = runTestAgent(identity, stage.allow().map(parseAllowedTarget));
    const [link] = await linked;
    const said: { type: string; stream?: string }[] = [];
    const allSaid = new Promise<void>((resolve) => {
      link.on("message", (data: Buffer) => {
        if (String(data) === LINK_PING) return link.send(LINK_PONG);
        const message = JSON.parse(String(data));
        if (["opened", "failed"].includes(message.type)) said.push(message);
        if (said.length > MAX_STREAMS_PER_HOST) resolve();
      });
    });
    for (let n = 0; n <= MAX_STREAMS_PER_HOST; n++) {
      const open = {
        type: "open",
        stream: `s${n}`,
        token: "t".repeat(43),
        session: "x",
        target: { host: "127.0.0.1", port: stage.echo.port },
        role: "control",
        clipboard: "both",
      };
      link.send(JSON.stringify(open));
    }
    await allSaid;
    expect(said.filter(({ type }) => type === "failed")).toEqual([
      {
        type: "failed",
        stream: `s${MAX_STREAMS_PER_HOST}`,
        code: 4429,
        message: `This host has ${MAX_STREAMS_PER_HOST} streams, its limit.`,
      },
    ]);
    expect(new Set(said.map(({ stream }) => stream)).size).toBe(MAX_STREAMS_PER_HOST + 1);
    await agent.stop();
    edge.close();
  });
});
