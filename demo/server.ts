import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { type Areas, Desktop } from "./desktop.ts";
import { serveClient } from "./rfb-client.ts";

/** Sides of the desktop, in pixels: what its windows need, and what a framebuffer may cost. */
const MIN_WIDTH = 320;
const MIN_HEIGHT = 480;
const MAX_SIDE = 4_096;
/** Connections at a time; more are closed at once. */
const MAX_CONNECTIONS = 64;

export interface DemoOptions {
  /** The address to listen at; 127.0.0.1 if not given. */
  host?: string;
  /** The TCP port; 0, or none given, takes any free one. */
  port?: number;
  /** The desktop's size in pixels; 1280 x 800 if not given. */
  width?: number;
  height?: number;
  /** The desktop's name, which clients show. */
  name?: string;
  /** Told of each connection and its ending. */
  log?: (event: string, fields: Record<string, unknown>) => void;
  now?: () => Date;
}

export interface DemoDesktop {
  port: number;
  /** Clients that have completed their handshake. */
  clients(): number;
  /** The notepad's text. */
  typed(): string;
  /** A pixel's red, green and blue, 0 to 255. */
  pixel(x: number, y: number): [r: number, g: number, b: number];
  /** Where one can draw, type and take hold of the windows, in pixels of the desktop. */
  areas(): Areas;
  /** Ends all connections and stops listening. */
  close(): Promise<void>;
}

/**
 * Starts the demo desktop, an RFB server without a password. Rejects with Node's error if it
 * cannot listen, and with a RangeError for a size that it cannot have.
 */
export async function startDemo(options: DemoOptions = {}): Promise<DemoDesktop> {
  const { host = "127.0.0.1", port = 0, width = 1280, height = 800 } = options;
  const { name = "Porthole demo", log = () => undefined, now = () => new Date() } = options;
  if (!isSide(width, MIN_WIDTH) || !isSide(height, MIN_HEIGHT)) {
    const least = `${MIN_WIDTH} x ${MIN_HEIGHT}`;
    throw new RangeError(`the demo desktop is from ${least} to ${MAX_SIDE} pixels a side`);
  }
  const desktop = new Desktop(width, height, name, now);
  const connections = new Map<Socket, Promise<void>>();

  const serve = async (socket: Socket): Promise<void> => {
    const remote = `${socket.remoteAddress}:${socket.remotePort}`;
    log("demo_client_connected", { remote });
    const reason = await serveClient(socket, desktop, name);
    log("demo_client_ended", { remote, reason });
    connections.delete(socket);
  };
  const server = createServer((socket) => connections.set(socket, serve(socket)));
  server.maxConnections = MAX_CONNECTIONS;
  server.on("drop", () => {
    log("demo_client_refused", { reason: `there are ${MAX_CONNECTIONS} connections already` });
  });
  server.listen(port, host);
  await once(server, "listening");

  return {
    port: (server.address() as AddressInfo).port,
    clients: () => desktop.viewers,
    typed: () => desktop.typed,
    pixel: (x, y) => {
      desktop.compose();
      return desktop.framebuffer.pixel(x, y);
    },
    areas: () => desktop.areas,
    close: async () => {
      const closed = once(server, "close");
      server.close();
      for (const socket of connections.keys()) socket.destroy();
      await Promise.all([closed, ...connections.values()]);
      desktop.close();
    },
  };
}

function isSide(pixels: number, least: number): boolean {
  return Number.isInteger(pixels) && pixels >= least && pixels <= MAX_SIDE;
}
