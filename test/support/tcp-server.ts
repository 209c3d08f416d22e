import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** RFC 6143, 7.1.1. */
export const RFB_GREETING = "RFB 003.008\n";

/** A TCP server whose every connection goes to `serve`; it knows which are open. */
export class TcpServer {
  readonly port: number;
  readonly sockets = new Set<Socket>();
  readonly #server: Server;
  readonly #changed = new Set<() => void>();

  private constructor(server: Server) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => {
      this.sockets.add(socket);
      this.#notify();
      socket.on("error", () => {}); // `close` follows
      socket.on("close", () => {
        this.sockets.delete(socket);
        this.#notify();
      });
    });
  }

  static async listen(
    serve: (socket: Socket) => void,
    port = 0,
    address = "127.0.0.1",
  ): Promise<TcpServer> {
    const server = createServer();
    server.listen(port, address);
    await once(server, "listening");
    const tcpServer = new TcpServer(server);
    server.on("connection", serve);
    return tcpServer;
  }

  /** Waits until that many connections are open. */
  connections(count: number): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (this.sockets.size !== count) return;
        this.#changed.delete(check);
        resolve();
      };
      this.#changed.add(check);
      check();
    });
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #notify(): void {
    for (const check of this.#changed) check();
  }
}

/**
 * A security type that nobody speaks. The agent hands its bytes on as they are, so that tests can
 * send what they like through a stream.
 */
const RAW_TYPE = 200;
export const RAW_OFFER = Buffer.from([1, RAW_TYPE]);

/** A VNC server's greeting and its offer of {@link RAW_TYPE}, and then sends back what it gets. */
export function greetAndEcho(socket: Socket): void {
  greetRaw(socket, () => socket.pipe(socket));
}

/** The same, but what follows the handshake is the test's. */
export function greetRaw(socket: Socket, serve: () => void): void {
  socket.write(RFB_GREETING);
  socket.once("data", () => {
    socket.write(RAW_OFFER);
    serve();
  });
}
