import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { Stream, type StreamTotals } from "../../agent/stream.ts";
import { EventLog } from "../support/event-log.ts";
import { answerScan, greetAndEcho, RFB_GREETING, TcpServer } from "../support/tcp-server.ts";

/** RFC 6455, 5.2: a final text frame without a mask whose one byte is no UTF-8. */
const INVALID_TEXT_FRAME = Buffer.from([0x81, 0x01, 0xff]);

/** Plays the edge: holds each upgrade of a stream until the test answers it. */
class FakeEdge {
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  readonly #upgrades: Array<{ request: IncomingMessage; socket: Duplex; head: Buffer }> = [];
  #arrived: () => void = () => {};

  constructor(server: Server) {
    this.#server = server;
    server.on("upgrade", (request, socket, head) => {
      this.#upgrades.push({ request, socket, head });
      this.#arrived();
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Waits until the agent dials. */
  async dialled(): Promise<void> {
    if (this.#upgrades.length > 0) return;
    await new Promise<void>((resolve) => {
      this.#arrived = resolve;
    });
  }

  /** Lets the agent in; `sayAtOnce` goes out in the same packet as the 101. */
  async accept(sayAtOnce?: (socket: Duplex) => void): Promise<WebSocket> {
    await this.dialled();
    const upgrade = this.#upgrades.shift();
    if (!upgrade) throw new Error("nobody dialled");
    const { request, socket, head } = upgrade;
    socket.cork();
    const accepted = new Promise<WebSocket>((resolve) => {
      this.#webSockets.handleUpgrade(request, socket, head, resolve);
    });
    sayAtOnce?.(socket);
    socket.uncork();
    return accepted;
  }

  async close(): Promise<void> {
    for (const client of this.#webSockets.clients) client.terminate();
    for (const { socket } of this.#upgrades) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

let edge: FakeEdge;
const servers: TcpServer[] = [];

beforeEach(async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  edge = new FakeEdge(server);
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

function openStream(port: number) {
  const reports: Array<{ kind: string; code?: number; totals?: StreamTotals }> = [];
  const log = new EventLog();
  const stream = new Stream(
    {
      edge: edge.url,
      stream: "s1",
      session: "x1",
      token: "t".repeat(43),
      target: { host: "127.0.0.1", port },
    },
    {
      opened: () => reports.push({ kind: "opened" }),
      failed: (code) => reports.push({ kind: "failed", code }),
      closed: (totals) => reports.push({ kind: "closed", totals }),
    },
    (event, fields) => log.add({ event, ...fields }),
  );
  return { stream, reports, log };
}

describe("a stream", () => {
  it("hears what the viewer says in the same packet as the edge's answer", async () => {
    const server = await serve(greetAndEcho);
    const { stream } = openStream(server.port);
    const viewer = await edge.accept((socket) => {
      socket.write(Buffer.from([0x82, 0x05, ...Buffer.from("hello")]));
    });
    const heard: Buffer[] = [];
    await new Promise<void>((resolve) => {
      viewer.on("message", (data: Buffer) => {
        heard.push(data);
        if (Buffer.concat(heard).length === RFB_GREETING.length + 5) resolve();
      });
    });
    expect(Buffer.concat(heard).toString()).toBe(`${RFB_GREETING}hello`);
    viewer.close();
    await stream.finished;
  });

  it("survives a viewer whose first frame is broken, and ends", async () => {
    const server = await serve(greetAndEcho);
    const { stream, reports } = openStream(server.port);
    const viewer = await edge.accept((socket) => socket.write(INVALID_TEXT_FRAME));
    const [code] = await once(viewer, "close");
    expect(code).toBe(1007);
    await stream.finished;
    expect(reports.at(-1)?.kind).toBe("closed");
    await server.connections(0);
  });

  it("ends with 4502 if the VNC server resets while the edge is dialled", async () => {
    const server = await serve((socket) => socket.write(RFB_GREETING));
    const { stream, reports } = openStream(server.port);
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
    const { stream, reports } = openStream(server.port);
    await server.connections(1);
    stream.close(4410, "over");
    await stream.finished;
    expect(reports.map(({ kind }) => kind)).toEqual(["closed"]);
    await server.connections(0);
  });

  it("that is closed while the edge is dialled leaves no connection to the server", async () => {
    const server = await serve((socket) => socket.write(RFB_GREETING));
    const { stream, reports } = openStream(server.port);
    await edge.dialled();
    stream.close(4410, "over");
    await stream.finished;
    expect(reports.map(({ kind }) => kind)).toEqual(["closed"]);
    await server.connections(0);
  });

  it("says goodbye to a viewer that does not answer, and is over all the same", async () => {
    const server = await serve((socket) => answerScan(socket, () => {}));
    const { stream } = openStream(server.port);
    const viewer = await edge.accept();
    viewer.pause();
    stream.close(4410, "over");
    await stream.finished;
    await server.connections(0);
  });
});
