import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import {
  MAX_STREAM_MESSAGE_BYTES,
  MAX_VIEWERS_PER_SESSION,
  STAFF_PLACES_PER_SESSION,
  STREAM_KEEPALIVE_MS,
} from "../../protocol/limits.ts";
import { bearer } from "../support/call.ts";
import { ADMIN_TOKEN, type TestAgent } from "../support/rig.ts";
import { dialLink, StreamStage } from "../support/stream-stage.ts";
import { greetAndEcho, greetRaw, RFB_GREETING, TcpServer } from "../support/tcp-server.ts";
import { Viewer } from "../support/viewer.ts";

/** More than all buffers on the way hold, so that a side that does not read is felt by the other. */
const FLOOD_BYTES = 96 * 1024 * 1024;

let stage: StreamStage;

beforeAll(async () => {
  stage = await StreamStage.start();
});

afterEach(() => {
  vi.useRealTimers();
});

afterAll(() => stage.stop());

/**
 * Lets so much happen on another stream of the same agent that one without backpressure would have
 * moved everything by then; and shows that a stalled stream does not hold up its neighbours.
 */
async function manyRoundTripsOfAnother(agent: TestAgent): Promise<void> {
  const viewer = await stage.view(agent, stage.echo.port);
  let bytes = RFB_GREETING.length;
  await viewer.receive(bytes);
  for (let n = 0; n < 2_000; n++) {
    viewer.send(Buffer.from("x"));
    await viewer.receive(++bytes);
  }
  await viewer.close();
}

describe("a stream", () => {
  it("carries bytes both ways, unchanged, through any split into messages", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
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
    await stage.rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("has one id in the logs of the edge and of the agent", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    await viewer.receive(1);
    const asked = await stage.rig.edgeLog.waitFor("stream.asked", { session: viewer.session });
    const opened = await agent.log.waitFor("stream.opened");
    expect(opened.stream).toBe(asked.stream);
    await viewer.close();
    await agent.stop();
  });

  it("stops reading the VNC server while the viewer does not read, and loses nothing", async () => {
    const flood = randomBytes(1024 * 1024);
    let written = 0;
    const server = await stage.serve((socket) => {
      const pour = () => {
        while (written < FLOOD_BYTES) {
          written += flood.length;
          if (!socket.write(flood)) return;
        }
      };
      greetRaw(socket, () => {
        socket.on("drain", pour);
        socket.once("data", pour);
      });
    });
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
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
    const server = await stage.serve((socket) => {
      greetRaw(socket, () => socket.pause());
      read = () => {
        socket.on("data", (chunk) => {
          received.update(chunk);
          count += chunk.length;
          if (count === FLOOD_BYTES) socket.write("done");
        });
        socket.resume();
      };
    });
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
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

  it("on which nothing is said carries an empty message every 25 s, its bytes unharmed", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] }); // for the stream alone
    const viewer = await stage.view(agent, server.port);
    await viewer.receive(RFB_GREETING.length);
    viewer.send(Buffer.from("one"));
    await viewer.receive(RFB_GREETING.length + 3);
    const sizes: number[] = [];
    let heard: () => void = () => {};
    viewer.socket.on("message", (data: Buffer, isBinary) => {
      sizes.push(isBinary ? data.length : Number.NaN);
      heard();
    });
    const messages = (count: number) =>
      new Promise<void>((resolve) => {
        heard = () => sizes.length === count && resolve();
        heard();
      });
    vi.advanceTimersByTime(STREAM_KEEPALIVE_MS); // in these something was said
    for (const count of [1, 2]) {
      vi.advanceTimersByTime(STREAM_KEEPALIVE_MS);
      await messages(count);
    }
    viewer.send(Buffer.from("three"));
    await messages(3);
    vi.advanceTimersByTime(STREAM_KEEPALIVE_MS);
    vi.advanceTimersByTime(STREAM_KEEPALIVE_MS);
    await messages(4);
    vi.useRealTimers();
    expect(sizes).toEqual([0, 0, 5, 0]);
    const received = await viewer.receive(RFB_GREETING.length + 8);
    expect(received.toString("latin1")).toBe(`${RFB_GREETING}onethree`);
    await viewer.close();
    await agent.stop();
  });

  it("is closed with 4502 and the port when the VNC server goes", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    await viewer.receive(1);
    for (const socket of server.sockets) socket.resetAndDestroy();
    expect(await viewer.closed).toEqual({
      code: 4502,
      reason: `The VNC server on port ${server.port} closed the connection.`,
    });
    await stage.rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("is closed with 4410 when its session ends, and the TCP connection with it", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    await viewer.receive(1);
    await stage.rig.api.endSession(viewer.session);
    expect((await viewer.closed).code).toBe(4410);
    await stage.rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("ends by itself when its session's time is over", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const { session_id } = await stage.rig.api.createSession({
      host_id: agent.hostId,
      port: server.port,
      ttl_seconds: 1,
    });
    const viewer = new Viewer((await stage.rig.api.ticket(session_id)).websocket_url);
    expect(await viewer.closed).toEqual({ code: 4410, reason: "The session's time is over." });
    expect((await stage.rig.api.session(session_id)).status).toBe("ended");
    await agent.stop();
  });

  it("is closed with 4400 by a text message and by one that is too large", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const texting = await stage.view(agent, server.port);
    await texting.receive(1);
    texting.send("hello");
    expect((await texting.closed).code).toBe(4400);
    const large = await stage.view(agent, server.port);
    await large.receive(1);
    large.send(Buffer.alloc(MAX_STREAM_MESSAGE_BYTES + 1));
    expect((await large.closed).code).toBe(4400);
    // What no buffer should hold is cut by the runtime or the agent, with the standard code.
    const huge = await stage.view(agent, server.port);
    await huge.receive(1);
    huge.send(Buffer.alloc(40 * 1024 * 1024));
    expect([1006, 1009]).toContain((await huge.closed).code);
    await stage.rig.edgeLog.waitFor("stream.closed", { session: huge.session });
    await stage.expectNothingLeft(agent, huge.session, server);
    await agent.stop();
  });

  it("beyond the limit of viewers is closed with 4429, and the others go on", async () => {
    const server = await stage.serve(greetAndEcho);
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const { session_id } = await stage.rig.api.createSession({
      host_id: agent.hostId,
      port: server.port,
    });
    const join = async () => new Viewer((await stage.rig.api.ticket(session_id)).websocket_url);
    const { websocket_url } = await stage.rig.api.session(session_id);
    const joinAsStaff = () => new Viewer(websocket_url, { headers: bearer(ADMIN_TOKEN) });
    const viewers: Viewer[] = [];
    for (let n = STAFF_PLACES_PER_SESSION; n < MAX_VIEWERS_PER_SESSION; n++) {
      viewers.push(await join());
    }
    await Promise.all(viewers.map((viewer) => viewer.receive(1)));
    expect((await (await join()).closed).code).toBe(4429);
    while (viewers.length < MAX_VIEWERS_PER_SESSION) viewers.push(joinAsStaff());
    await Promise.all(viewers.map((viewer) => viewer.receive(1)));
    expect((await joinAsStaff().closed).code).toBe(4429);
    expect((await stage.rig.api.session(session_id)).viewers).toBe(MAX_VIEWERS_PER_SESSION);
    viewers[0]?.send(Buffer.from("still there"));
    await viewers[0]?.receive(RFB_GREETING.length + 11);
    await Promise.all(viewers.map((viewer) => viewer.close()));
    await server.connections(0);
    await agent.stop();
  });
});

describe("a viewer", () => {
  it("of a port outside the agent's allow-list is closed with 4403", async () => {
    const agent = await stage.rig.startAgent({ allow: ["127.0.0.1:5999"] });
    const viewer = await stage.view(agent, 22);
    expect((await viewer.closed).code).toBe(4403);
    await agent.log.waitFor("stream.refused", { port: 22 });
    await stage.expectNothingLeft(agent, viewer.session);
    await agent.stop();
  });

  it("of a port where nobody listens is closed with 4502 and the port", async () => {
    const server = await TcpServer.listen(greetAndEcho);
    await server.close();
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    expect(await viewer.closed).toEqual({
      code: 4502,
      reason: `No VNC server is listening on port ${server.port}.`,
    });
    await stage.expectNothingLeft(agent, viewer.session);
    await agent.stop();
  });

  it("of a server that is not VNC is closed with 4502", async () => {
    const server = await stage.serve((socket) => socket.write("SSH-2.0-OpenSSH_9.2p1\r\n"));
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    expect(await viewer.closed).toEqual({
      code: 4502,
      reason: `What listens on port ${server.port} is not a VNC server.`,
    });
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it("of a server that hangs up at once is closed with 4502", async () => {
    const server = await stage.serve((socket) => socket.end());
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    expect((await viewer.closed).code).toBe(4502);
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  // What these three wait for is ten seconds of nothing: at once.
  it.concurrent("of a server that accepts and never speaks is closed with 4504", async () => {
    const server = await stage.serve(() => {});
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    const viewer = await stage.view(agent, server.port);
    expect(await viewer.closed).toEqual({
      code: 4504,
      reason: `The server on port ${server.port} accepts but does not speak.`,
    });
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });

  it.concurrent("of a host that is offline is closed with 4503, and its session says unreachable", async () => {
    const agent = await stage.rig.startAgent({ name: "sleepy", allow: ["127.0.0.1:5999"] });
    await agent.stop();
    await stage.rig.edgeLog.waitFor("host.offline", { host: agent.hostId });
    const viewer = await stage.view(agent, 5999);
    const closing = await viewer.closed;
    expect(closing.code).toBe(4503);
    expect(closing.reason).toContain("The host sleepy is offline.");
    expect(await stage.rig.api.session(viewer.session)).toMatchObject({
      status: "unreachable",
      reason: closing.reason,
    });
    await stage.expectNothingLeft(agent, viewer.session);
  });

  it.concurrent("whose agent never comes is closed with 4408", async () => {
    const identity = await stage.rig.enrol();
    const link = await dialLink(identity);
    const toldToClose = new Promise<void>((resolve) => {
      link.on("message", (data) => {
        if (String(data).includes('"type":"close"')) resolve();
      });
    });
    const viewer = await stage.view({ hostId: identity.host_id }, 5999);
    expect(await viewer.closed).toEqual({
      code: 4408,
      reason: "The agent did not answer in 10 s.",
    });
    await toldToClose; // its host gives it up after the viewer has heard
    await stage.expectNothingLeft({ hostId: identity.host_id }, viewer.session);
    link.terminate();
  });

  it("whose agent dies while it waits is closed with 4503 at once", async () => {
    const identity = await stage.rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const viewer = await stage.view({ hostId: identity.host_id }, 5999);
    await asked;
    link.terminate();
    expect((await viewer.closed).code).toBe(4503);
    await stage.expectNothingLeft({ hostId: identity.host_id }, viewer.session);
  });

  it("that leaves while it waits leaves nothing behind once the agent comes", async () => {
    let greet: () => void = () => {};
    const server = await stage.serve((socket) => {
      greet = () => greetRaw(socket, () => {});
    });
    const agent = await stage.rig.startAgent({ allow: stage.allow(server) });
    // The agent's own scan connects too: wait until it has given up on the silent server.
    await server.connections(0);
    const viewer = await stage.view(agent, server.port);
    await viewer.opened();
    await server.connections(1);
    viewer.socket.terminate();
    greet();
    await stage.rig.edgeLog.waitFor("stream.closed", { session: viewer.session });
    await stage.expectNothingLeft(agent, viewer.session, server);
    await agent.stop();
  });
});
