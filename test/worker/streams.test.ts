import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { dialOptions, edgeSocketUrl } from "../../agent/dial.ts";
import { type Identity, signToken } from "../../agent/identity.ts";
import { MAX_STREAM_MESSAGE_BYTES, MAX_VIEWERS_PER_SESSION } from "../../protocol/limits.ts";
import { type Rig, runTestAgent, startRig, type TestAgent } from "../support/rig.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { answerScan, greetAndEcho, RFB_GREETING, TcpServer } from "../support/tcp-server.ts";
import { Viewer } from "../support/viewer.ts";

/** More than all buffers on the way hold, so that a side that does not read is felt by the other. */
const FLOOD_BYTES = 96 * 1024 * 1024;

let rig: Rig;
let echo: TcpServer;
const servers: TcpServer[] = [];

beforeAll(async () => {
  rig = await startRig();
  echo = await serve(greetAndEcho);
});

afterAll(async () => {
  await rig.stop();
  for (const server of servers) await server.close();
});

async function serve(...args: Parameters<typeof TcpServer.listen>): Promise<TcpServer> {
  const server = await TcpServer.listen(...args);
  servers.push(server);
  return server;
}

/** A viewer of a new session of that port. */
async function view(
  agent: { hostId: string },
  port: number,
): Promise<Viewer & { session: string }> {
  const session = await rig.api.createSession({ host_id: agent.hostId, port });
  const { websocket_url } = await rig.api.ticket(session.session_id);
  return Object.assign(new Viewer(websocket_url), { session: session.session_id });
}

function allow(...servers: TcpServer[]): string[] {
  return [...servers, echo].map((server) => `127.0.0.1:${server.port}`);
}

/**
 * Lets so much happen on another stream of the same agent that one without backpressure would have
 * moved everything by then; and shows that a stalled stream does not hold up its neighbours.
 */
async function manyRoundTripsOfAnother(agent: TestAgent): Promise<void> {
  const viewer = await view(agent, echo.port);
  let bytes = RFB_GREETING.length;
  await viewer.receive(bytes);
  for (let n = 0; n < 2_000; n++) {
    viewer.send(Buffer.from("x"));
    await viewer.receive(++bytes);
  }
  await viewer.close();
}

/** Nothing of a stream is left: at the agent, in the host's object, in the session's. */
async function expectNothingLeft(agent: TestAgent, session: string, server?: TcpServer) {
  await server?.connections(0);
  expect((await rig.api.host(agent.hostId)).streams).toBe(0);
  expect((await rig.api.session(session)).viewers).toBe(0);
  expect(await rig.stored("VncHost", agent.hostId, "SELECT * FROM streams")).toEqual([]);
  expect(await rig.stored("VncSession", session, "SELECT * FROM streams")).toEqual([]);
}

describe("a stream", () => {
  it("carries bytes both ways, unchanged, through any split into messages", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    const sent = randomBytes(300_000);
    await viewer.receive(RFB_GREETING.length);
    for (let at = 0, size = 1; at < sent.length; at += size, size = (size * 3) % 65_521 || 1) {
      viewer.send(sent.subarray(at, at + size));
    }
    const received = await viewer.receive(RFB_GREETING.length + sent.length);
    expect(received.toString("latin1", 0, RFB_GREETING.length)).toBe(RFB_GREETING);
    expect(received.subarray(RFB_GREETING.length).equals(sent)).toBe(true);
    await viewer.close();
    await agent.log.waitFor("stream.closed");
    await rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("has one id in the logs of the edge and of the agent", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(1);
    const asked = await rig.edgeLog.waitFor("stream.asked", { session: viewer.session });
    const opened = await agent.log.waitFor("stream.opened");
    expect(opened.stream).toBe(asked.stream);
    await viewer.close();
    await agent.stop();
  });

  it("stops reading the VNC server while the viewer does not read, and loses nothing", async () => {
    const flood = randomBytes(1024 * 1024);
    let written = 0;
    const server = await serve((socket) => {
      const pour = () => {
        while (written < FLOOD_BYTES) {
          written += flood.length;
          if (!socket.write(flood)) return;
        }
      };
      answerScan(socket, () => {
        socket.on("drain", pour);
        pour();
      });
    });
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(RFB_GREETING.length);
    viewer.socket.pause();
    viewer.send(Buffer.from("go"));
    await manyRoundTripsOfAnother(agent);
    expect(written).toBeLessThan(FLOOD_BYTES / 2);
    viewer.socket.resume();
    const received = await viewer.receive(RFB_GREETING.length + FLOOD_BYTES);
    for (let at = RFB_GREETING.length; at < received.length; at += flood.length) {
      expect(received.subarray(at, at + flood.length).equals(flood)).toBe(true);
    }
    await viewer.close();
    await agent.stop();
  });

  it("stops reading the viewer while the VNC server does not read, and loses nothing", async () => {
    const received = createHash("sha256");
    let count = 0;
    let read: () => void = () => {};
    const server = await serve((socket) => {
      socket.write(RFB_GREETING);
      socket.pause();
      read = () => {
        socket.on("data", (chunk) => {
          received.update(chunk);
          count += chunk.length;
          if (count === FLOOD_BYTES) socket.write("done");
        });
        socket.resume();
      };
    });
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(RFB_GREETING.length);
    const chunk = randomBytes(64 * 1024);
    const sent = createHash("sha256");
    for (let bytes = 0; bytes < FLOOD_BYTES; bytes += chunk.length) {
      sent.update(chunk);
      viewer.send(chunk);
    }
    await manyRoundTripsOfAnother(agent);
    expect(viewer.socket.bufferedAmount).toBeGreaterThan(FLOOD_BYTES / 2);
    read();
    await viewer.receive(RFB_GREETING.length + 4);
    expect(received.digest("hex")).toBe(sent.digest("hex"));
    await viewer.close();
    await agent.stop();
  });

  it("is closed with 4502 and the port when the VNC server goes", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(1);
    for (const socket of server.sockets) socket.resetAndDestroy();
    expect(await viewer.closed).toEqual({
      code: 4502,
      reason: `The VNC server on port ${server.port} closed the connection.`,
    });
    await rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("is closed with 4410 when its session ends, and the TCP connection with it", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(1);
    await rig.api.endSession(viewer.session);
    expect((await viewer.closed).code).toBe(4410);
    await rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("ends by itself when its session's time is over", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const { session_id } = await rig.api.createSession({
      host_id: agent.hostId,
      port: server.port,
      ttl_seconds: 1,
    });
    const viewer = new Viewer((await rig.api.ticket(session_id)).websocket_url);
    expect(await viewer.closed).toEqual({ code: 4410, reason: "The session's time is over." });
    expect((await rig.api.session(session_id)).status).toBe("ended");
    await agent.stop();
  });

  it("is closed with 4400 by a text message and by one that is too large", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const texting = await view(agent, server.port);
    await texting.receive(1);
    texting.send("hello");
    expect((await texting.closed).code).toBe(4400);
    const large = await view(agent, server.port);
    await large.receive(1);
    large.send(Buffer.alloc(MAX_STREAM_MESSAGE_BYTES + 1));
    expect((await large.closed).code).toBe(4400);
    // What no buffer should hold is cut by the runtime or the agent, with the standard code.
    const huge = await view(agent, server.port);
    await huge.receive(1);
    huge.send(Buffer.alloc(40 * 1024 * 1024));
    expect([1006, 1009]).toContain((await huge.closed).code);
    await rig.edgeLog.waitFor("stream.closed", { session: huge.session });
    await expectNothingLeft(agent, huge.session, server);
    await agent.stop();
  });

  it("beyond the limit of viewers is closed with 4429, and the others go on", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const { session_id } = await rig.api.createSession({
      host_id: agent.hostId,
      port: server.port,
    });
    const join = async () => new Viewer((await rig.api.ticket(session_id)).websocket_url);
    const viewers: Viewer[] = [];
    for (let n = 0; n < MAX_VIEWERS_PER_SESSION; n++) viewers.push(await join());
    await Promise.all(viewers.map((viewer) => viewer.receive(1)));
    expect((await (await join()).closed).code).toBe(4429);
    expect((await rig.api.session(session_id)).viewers).toBe(MAX_VIEWERS_PER_SESSION);
    viewers[0]?.send(Buffer.from("still there"));
    await viewers[0]?.receive(RFB_GREETING.length + 11);
    await Promise.all(viewers.map((viewer) => viewer.close()));
    await server.connections(0);
    await agent.stop();
  });
});

describe("a viewer", () => {
  it("of a port outside the agent's allow-list is closed with 4403", async () => {
    const agent = await rig.startAgent({ allow: ["127.0.0.1:5999"] });
    const viewer = await view(agent, 22);
    expect((await viewer.closed).code).toBe(4403);
    await agent.log.waitFor("stream.refused", { port: 22 });
    await expectNothingLeft(agent, viewer.session);
    await agent.stop();
  });

  it("of a port where nobody listens is closed with 4502 and the port", async () => {
    const server = await TcpServer.listen(greetAndEcho);
    await server.close();
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    expect(await viewer.closed).toEqual({
      code: 4502,
      reason: `No VNC server is listening on port ${server.port}.`,
    });
    await expectNothingLeft(agent, viewer.session);
    await agent.stop();
  });

  it("of a server that is not VNC is closed with 4502", async () => {
    const server = await serve((socket) => socket.write("SSH-2.0-OpenSSH_9.2p1\r\n"));
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    expect(await viewer.closed).toEqual({
      code: 4502,
      reason: `What listens on port ${server.port} is not a VNC server.`,
    });
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("of a server that hangs up at once is closed with 4502", async () => {
    const server = await serve((socket) => socket.end());
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    expect((await viewer.closed).code).toBe(4502);
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("of a server that accepts and never speaks is closed with 4504", async () => {
    const server = await serve(() => {});
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    expect(await viewer.closed).toEqual({
      code: 4504,
      reason: `The server on port ${server.port} accepts but does not speak.`,
    });
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("of a host that is offline is closed with 4503, and its session says unreachable", async () => {
    const agent = await rig.startAgent({ name: "sleepy", allow: ["127.0.0.1:5999"] });
    await agent.stop();
    await rig.edgeLog.waitFor("host.offline", { host: agent.hostId });
    const viewer = await view(agent, 5999);
    const closing = await viewer.closed;
    expect(closing.code).toBe(4503);
    expect(closing.reason).toContain("The host sleepy is offline.");
    expect(await rig.api.session(viewer.session)).toMatchObject({
      status: "unreachable",
      reason: closing.reason,
    });
  });

  it("whose agent never comes is closed with 4408", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    const viewer = await view({ hostId: identity.host_id }, 5999);
    expect(await viewer.closed).toEqual({
      code: 4408,
      reason: "The agent did not answer in 10 s.",
    });
    link.terminate();
  });

  it("whose agent dies while it waits is closed with 4503 at once", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const viewer = await view({ hostId: identity.host_id }, 5999);
    await asked;
    link.terminate();
    expect((await viewer.closed).code).toBe(4503);
    const streams = "SELECT * FROM streams";
    expect(await rig.stored("VncHost", identity.host_id, streams)).toEqual([]);
    expect(await rig.stored("VncSession", viewer.session, streams)).toEqual([]);
  });

  it("that leaves while it waits leaves nothing behind once the agent comes", async () => {
    let greet: () => void = () => {};
    const server = await serve((socket) => {
      greet = () => socket.write(RFB_GREETING);
    });
    const agent = await rig.startAgent({ allow: allow(server) });
    // The agent's own scan connects too: wait until it has given up on the silent server.
    await server.connections(0);
    const viewer = await view(agent, server.port);
    await viewer.opened();
    await server.connections(1);
    viewer.socket.terminate();
    greet();
    await rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });
});

describe("an agent", () => {
  it("whose identity is used by another is told 4409 and stops with a sentence", async () => {
    const older = await rig.startAgent({ allow: ["127.0.0.1:5999"] });
    const newer = runTestAgent(older.identity, []);
    expect(await older.finished).toBe("Another agent with this identity took over.");
    await newer.log.waitFor("link.up");
    expect((await rig.api.host(older.hostId)).online).toBe(true);
    await newer.stop();
  });

  it("whose host is removed stops with a sentence, and so does one that comes later", async () => {
    const agent = await rig.startAgent({ allow: ["127.0.0.1:5999"] });
    await rig.api.removeHost(agent.hostId);
    expect(await agent.finished).toBe("This host was removed from the edge.");
    const later = runTestAgent(agent.identity, []);
    expect(await later.finished).toBe("This edge knows no such host, or it was removed.");
  });

  it("is cut off with its running streams when its host is removed", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(1);
    await rig.api.removeHost(agent.hostId);
    expect(await viewer.closed).toEqual({ code: 4410, reason: "The host was removed." });
    await server.connections(0);
  });

  it("whose link drops keeps its streams, and both sides count them right afterwards", async () => {
    const server = await serve(greetAndEcho);
    const proxy = await TcpProxy.listen(Number(new URL(rig.edge.url).port));
    const agent = await rig.startAgent({ allow: allow(server), through: proxy });
    const staying = await view(agent, server.port);
    const leaving = await view(agent, server.port);
    await Promise.all([staying.receive(1), leaving.receive(1)]);
    proxy.cut("GET /agent/link");
    await agent.log.waitFor("link.down");
    await leaving.close();
    await agent.log.waitFor("link.up", {}, 2);
    await rig.edgeLog.waitFor("host.streams", { host: agent.hostId, streams: 1 });
    expect((await rig.api.session(leaving.session)).viewers).toBe(0);
    expect((await rig.api.session(staying.session)).viewers).toBe(1);
    staying.send(Buffer.from("still there"));
    await staying.receive(RFB_GREETING.length + 11);
    await staying.close();
    await agent.stop();
    await proxy.close();
  });

  it("whose link drops before it reports a stream as opened is counted right afterwards", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const viewer = await view({ hostId: identity.host_id }, 5999);
    const open = JSON.parse(String((await asked)[0]));
    const url = edgeSocketUrl(identity.edge, `/agent/stream/${open.session}/${open.stream}`);
    const own = new WebSocket(url, dialOptions(identity.edge, open.token));
    await once(own, "open");
    link.terminate();
    await rig.edgeLog.waitFor("host.offline", { host: identity.host_id });
    const streams = "SELECT stream, opened FROM streams";
    const session = () => rig.stored("VncSession", viewer.session, "SELECT stream FROM streams");
    expect(await session()).toEqual([{ stream: open.stream }]);
    expect(await rig.stored("VncHost", identity.host_id, streams)).toEqual([
      { stream: open.stream, opened: 1 },
    ]);
    const again = await dialLink(identity);
    again.send(JSON.stringify({ type: "hello", version: "0", displays: [], streams: [] }));
    await rig.edgeLog.waitFor("host.streams", { host: identity.host_id, streams: 0 });
    expect((await rig.api.session(viewer.session)).viewers).toBe(0);
    own.terminate();
    again.terminate();
    await viewer.closed;
  });

  it("that stops says how each of its streams ended", async () => {
    const server = await serve(greetAndEcho);
    const agent = await rig.startAgent({ allow: allow(server) });
    const viewer = await view(agent, server.port);
    await viewer.receive(1);
    await agent.stop();
    expect(await viewer.closed).toEqual({ code: 4503, reason: "The agent was stopped." });
    const closed = await rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    expect(closed).toMatchObject({
      reason: "The agent was stopped.",
      bytes_out: RFB_GREETING.length,
    });
  });

  it("that was removed cannot join again with the token that it joined with", async () => {
    const { token } = await rig.api.joinToken();
    const body = JSON.stringify({ token, public_key: "A".repeat(43), name: "once" });
    const headers = { "content-type": "application/json" };
    const join = () => fetch(`${rig.edge.url}/api/agent/join`, { method: "POST", body, headers });
    const first = await join();
    expect(first.status).toBe(201);
    const { host_id } = (await first.json()) as { host_id: string };
    await rig.api.removeHost(host_id);
    expect((await join()).status).toBe(401);
    expect((await rig.api.hosts()).items.map((host) => host.host_id)).not.toContain(host_id);
  });

  it("that replays a token is refused, and so is one with a token for another edge", async () => {
    const identity = await rig.enrol();
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
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const viewer = await view({ hostId: identity.host_id }, 5999);
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
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    link.send(JSON.stringify({ type: "from-the-future" }));
    await rig.edgeLog.waitFor("link.unknown_message", { host: identity.host_id });
    const closed = once(link, "close");
    link.send("{");
    expect((await closed)[0]).toBe(4400);
  });
});

/** A link that is up but whose agent does nothing: for the agents that hang. */
async function dialLink(identity: Identity): Promise<WebSocket> {
  const url = edgeSocketUrl(identity.edge, "/agent/link");
  const link = new WebSocket(url, dialOptions(identity.edge, await signToken(identity)));
  await once(link, "open");
  return link;
}

function refusalCode(url: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers: { authorization: `Bearer ${token}` } });
    socket.on("open", () => reject(new Error("it was let in")));
    socket.on("error", reject);
    socket.on("unexpected-response", async (_request, response) => {
      let text = "";
      for await (const chunk of response) text += chunk;
      resolve((JSON.parse(text) as { code: string }).code);
    });
  });
}
