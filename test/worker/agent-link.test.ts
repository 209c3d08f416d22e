import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { dialOptions, edgeSocketUrl } from "../../agent/dial.ts";
import { signToken } from "../../agent/identity.ts";
import { expectServed } from "../support/people.ts";
import { runTestAgent } from "../support/rig.ts";
import { dialLink, refusalCode, StreamStage } from "../support/stream-stage.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { greetAndEcho, RAW_OFFER, RFB_GREETING } from "../support/tcp-server.ts";

let stage: StreamStage;

beforeAll(async () => {
  stage = await StreamStage.start();
});

afterAll(() => stage.stop());

describe("an agent", () => {
  it("whose identity is used by another is told 4409 and stops with a sentence", async () => {
    const older = await stage.rig.startAgent({ allow: ["127.0.0.1:5999"] });
    const newer = runTestAgent(older.identity, []);
    expect(await older.finished).toBe("Another agent with this identity took over.");
    await newer.log.waitFor("link.up");
    expect((await stage.rig.api.host(older.hostId)).online).toBe(true);
    await newer.stop();
  });

  it("whose host is removed stops with a sentence, and so does one that comes later", async () => {
    const agent = await stage.rig.startAgent({ allow: ["127.0.0.1:5999"] });
    await stage.rig.api.removeHost(agent.hostId);
    expect(await agent.finished).toBe("This host was removed from the edge.");
    const later = runTestAgent(agent.identity, []);
    expect(await later.finished).toBe("This edge knows no such host, or it was removed.");
  });

  it("is cut off with its running streams when its host is removed", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    await viewer.receive(1);
    await stage.rig.api.removeHost(agent.hostId);
    expect(await viewer.closed).toEqual({ code: 4410, reason: "The host was removed." });
    await server.connections(0);
  });

  it("whose link drops keeps its streams, and both sides count them right afterwards", async () => {
    const server = await stage.serve(greetAndEcho);
    const proxy = await TcpProxy.listen(Number(new URL(stage.rig.edge.url).port));
    const agent = await stage.rig.startAgent({ allow: stage.allow(server), through: proxy });
    const staying = await stage.view(agent, server.port);
    const leaving = await stage.view(agent, server.port);
    await Promise.all([staying.receive(1), leaving.receive(1)]);
    proxy.cut("GET /agent/link");
    await agent.log.waitFor("link.down");
    await leaving.close();
    await agent.log.waitFor("link.up", {}, 2);
    await stage.rig.edgeLog.waitFor("host.streams", { host: agent.hostId, streams: 1 });
    expect((await stage.rig.api.session(leaving.session)).viewers).toBe(0);
    expect((await stage.rig.api.session(staying.session)).viewers).toBe(1);
    staying.send(Buffer.from("still there"));
    await staying.receive(RFB_GREETING.length + 11);
    await staying.close();
    await agent.stop();
    await proxy.close();
  });

  it("whose link drops before it reports a stream as opened is counted right afterwards", async () => {
    const identity = await stage.rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const viewer = await stage.view({ hostId: identity.host_id }, 5999);
    const open = JSON.parse(String((await asked)[0]));
    const url = edgeSocketUrl(identity.edge, `/agent/stream/${open.session}/${open.stream}`);
    const own = new WebSocket(url, dialOptions(identity.edge, open.token));
    await once(own, "open");
    link.terminate();
    await stage.rig.edgeLog.waitFor("host.offline", { host: identity.host_id });
    const streams = "SELECT stream, opened FROM streams";
    const session = () =>
      stage.rig.stored("VncSession", viewer.session, "SELECT stream FROM streams");
    expect(await session()).toEqual([{ stream: open.stream }]);
    expect(await stage.rig.stored("VncHost", identity.host_id, streams)).toEqual([
      { stream: open.stream, opened: 1 },
    ]);
    const again = await dialLink(identity);
    again.send(JSON.stringify({ type: "hello", version: "0", displays: [], streams: [] }));
    await stage.rig.edgeLog.waitFor("host.streams", { host: identity.host_id, streams: 0 });
    expect((await stage.rig.api.session(viewer.session)).viewers).toBe(0);
    own.terminate();
    again.terminate();
    await viewer.closed;
  });

  it("that stops says how each of its streams ended", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    await expectServed(viewer);
    await agent.stop();
    expect(await viewer.closed).toEqual({ code: 4503, reason: "The agent was stopped." });
    const closed = await stage.rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    expect(closed).toMatchObject({
      reason: "The agent was stopped.",
      bytes_out: RFB_GREETING.length + RAW_OFFER.length + "still there".length,
    });
  });

  it("that was removed cannot join again with the token that it joined with", async () => {
    const { token } = await stage.rig.api.joinToken();
    const body = JSON.stringify({ token, public_key: "A".repeat(43), name: "once" });
    const headers = { "content-type": "application/json" };
    const join = () =>
      fetch(`${stage.rig.edge.url}/api/agent/join`, { method: "POST", body, headers });
    const first = await join();
    expect(first.status).toBe(201);
    const { host_id } = (await first.json()) as { host_id: string };
    await stage.rig.api.removeHost(host_id);
    expect((await join()).status).toBe(401);
    expect((await stage.rig.api.hosts()).items.map((host) => host.host_id)).not.toContain(host_id);
  });

  it("that replays a token is refused, and so is one with a token for another edge", async () => {
    const identity = await stage.rig.enrol();
    const token = await signToken(identity);
    const url = edgeSocketUrl(identity.edge, "/agent/link");
    const first = new WebSocket(url, dialOptions(identity.edge, token));
    await once(first, "open");
    expect(await refusalCode(url, token)).toBe("agent_replay");
    const elsewhere = await signToken({ ...identity, edge: "https://edge.example" });
    expect(await refusalCode(url, elsewhere)).toBe("agent_token");
    const old = await signToken(identity, Date.now() - 10 * 60_000);
    expect(await refusalCode(url, old)).toBe("agent_clock");
    const early = await signToken(identity, Date.now() + 10 * 60_000);
    expect(await refusalCode(url, early)).toBe("agent_clock");
    first.terminate();
  });

  it("cannot take a stream without the stream's token, nor twice", async () => {
    const identity = await stage.rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const viewer = await stage.view({ hostId: identity.host_id }, 5999);
    const open = JSON.parse(String((await asked)[0]));
    const url = edgeSocketUrl(identity.edge, `/agent/stream/${open.session}/${open.stream}`);
    expect(await refusalCode(url, "wrong")).toBe("bad_stream_token");
    const own = new WebSocket(url, dialOptions(identity.edge, open.token));
    await once(own, "open");
    expect(await refusalCode(url, open.token)).toBe("stream_gone");
    own.send(Buffer.from("hello"));
    expect((await viewer.receive(5)).toString()).toBe("hello");
    own.close(4502, "over");
    expect(await viewer.closed).toEqual({ code: 4502, reason: "over" });
    link.terminate();
  });

  it("that says what the edge does not know is heard out; what cannot be read closes its link", async () => {
    const identity = await stage.rig.enrol();
    const link = await dialLink(identity);
    link.send(JSON.stringify({ type: "from-the-future" }));
    await stage.rig.edgeLog.waitFor("link.unknown_message", { host: identity.host_id });
    const closed = once(link, "close");
    link.send("{");
    expect((await closed)[0]).toBe(4400);
  });
});
