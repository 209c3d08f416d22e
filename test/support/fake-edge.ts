import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Rights } from "../../agent/rfb/client-filter.ts";
import { LoginAttempts } from "../../agent/rfb/login-attempts.ts";
import { Stream, type StreamTotals } from "../../agent/stream.ts";
import { EventLog } from "./event-log.ts";

/** Plays the edge: holds each upgrade of a stream until the test answers it. */
export class FakeEdge {
  readonly #server: Server;
  readonly #webSockets = new WebSocketServer({ noServer: true });
  readonly #upgrades: Array<{ request: IncomingMessage; socket: Duplex; head: Buffer }> = [];
  #arrived: () => void = () => {};

  static async start(): Promise<FakeEdge> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new FakeEdge(server);
  }

  private constructor(server: Server) {
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

/** A stream of the agent to a VNC server of this machine, by way of an edge that the test plays. */
export function openStream(
  edge: FakeEdge,
  port: number,
  options: { rights?: Partial<Rights>; password?: string; attempts?: LoginAttempts } = {},
) {
  const { rights, password = null, attempts = new LoginAttempts() } = options;
  const reports: Array<{
    kind: string;
    code?: number;
    message?: string;
    totals?: StreamTotals;
    desktop?: object;
  }> = [];
  const log = new EventLog();
  const stream = new Stream(
    {
      edge: edge.url,
      stream: "s1",
      session: "x1",
      token: "t".repeat(43),
      target: { host: "127.0.0.1", port },
      rights: { role: "control", clipboard: "both", control: "shared", ...rights },
      password,
    },
    {
      log: (event, fields) => log.add({ event, ...fields }),
      findPassword: async () => null,
      attempts,
    },
    {
      opened: () => reports.push({ kind: "opened" }),
      described: (desktop) => reports.push({ kind: "described", desktop }),
      failed: ({ code, message }) => reports.push({ kind: "failed", code, message }),
      closed: (totals) => reports.push({ kind: "closed", totals }),
    },
  );
  return { stream, reports, log };
}
