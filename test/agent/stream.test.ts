import { once } from "node:events";
import type { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DISPLAY_ANSWER_MS } from "../../protocol/limits.ts";
import { FakeEdge, openStream } from "../support/fake-edge.ts";
import {
  greetAndEcho,
  greetRaw,
  RAW_OFFER,
  RFB_GREETING,
  TcpServer,
} from "../support/tcp-server.ts";

/** RFC 6455, 5.2: a final text frame without a mask whose one byte is no UTF-8. */
const INVALID_TEXT_FRAME = Buffer.from([0x81, 0x01, 0xff]);

/** RFC 6455, 5.2: a final binary frame without a mask. */
const frame = (text: string) => Buffer.from([0x82, text.length, ...Buffer.from(text)]);

let edge: FakeEdge;
const servers: TcpServer[] = [];

beforeEach(async () => {
  edge = await FakeEdge.start();
});

afterEach(async () => {
  await edge.close();
  for (const server of servers.splice(0)) await server.close();
});

async function serve(handler: (socket: Socket) => void): Promise<TcpServer> {
  const server = await TcpServer.listen(handler);
  servers.push(server);
  return server;
}

describe("a stream", () => {
  it("hears what the viewer says in the same packet as the edge's answer", async () => {
    const server = await serve(greetAndEcho);
    const { stream } = openStream(edge, server.port);
    const viewer = await edge.accept((socket) => {
      socket.write(frame(`${RFB_GREETING}hello`));
    });
    const answer = Buffer.concat([Buffer.from(RFB_GREETING), RAW_OFFER, Buffer.from("hello")]);
    const heard: Buffer[] = [];
    await new Promise<void>((resolve) => {
      viewer.on("message", (data: Buffer) => {
        heard.push(data);
        if (Buffer.concat(heard).length === answer.length) resolve();
      });
    });
    expect(Buffer.concat(heard).equals(answer)).toBe(true);
    viewer.close();
    await stream.finished;
  });

  it("survives a viewer whose first frame is broken, and ends", async () => {
    const server = await serve(greetAndEcho);
    const { stream, reports } = openStream(edge, server.port);
    const viewer = await edge.accept((socket) => socket.write(INVALID_TEXT_FRAME));
    const [code] = await once(viewer, "close");
    expect(code).toBe(1007);
    await stream.finished;
    expect(reports.at(-1)?.kind).toBe("closed");
    await server.connections(0);
  });

  it("ends with 4502 if the VNC server resets while the edge is dialled", async () => {
    const server = await serve((socket) => greetRaw(socket, () => {}));
    const { stream, reports } = openStream(edge, server.port);
    await edge.dialled();
    for (const socket of server.sockets) socket.resetAndDestroy();
    await server.connections(0);
    const viewer = await edge.accept();
    const [code, reason] = await once(viewer, "close");
    expect(code).toBe(4502);
    expect(String(reason)).toContain(`port ${server.port} closed the connection`);
    await stream.finished;
    expect(reports.map(({ kind }) => kind)).toEqual(["opened", "closed"]);
  });

  it("that is closed while the server is greeted is reported as closed, not as failed", async () => {
    const server = await serve(() => {});
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { stream, reports } = openStream(edge, server.port);
    await server.connections(1);
    stream.close(4410, "over");
    await stream.finished;
    expect(reports.map(({ kind }) => kind)).toEqual(["closed"]);
    // The login has its time all the same: cut off in the middle it would count as a failed one.
    vi.advanceTimersByTime(DISPLAY_ANSWER_MS);
    vi.useRealTimers();
    await server.connections(0);
  });

  it("that is closed while the edge is dialled leaves no connection to the server", async () => {
    const server = await serve((socket) => greetRaw(socket, () => {}));
    const { stream, reports } = openStream(edge, server.port);
    await edge.dialled();
    stream.close(4410, "over");
    await stream.finished;
    expect(reports.map(({ kind }) => kind)).toEqual(["closed"]);
    await server.connections(0);
  });

  it("says goodbye to a viewer that does not answer, and is over all the same", async () => {
    const server = await serve((socket) => greetRaw(socket, () => {}));
    const { stream } = openStream(edge, server.port);
    const viewer = await edge.accept();
    viewer.pause();
    stream.close(4410, "over");
    await stream.finished;
    await server.connections(0);
  });
});
