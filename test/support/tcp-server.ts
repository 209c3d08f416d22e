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

  static async listen(serve: (socket: Socket) => void, port = 0): Promise<TcpServer> {
    const server = createServer();
    server.listen(port, "127.0.0.1");
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
 * Greets like a VNC server. To a client that answers with a version it offers the security type
 * None (the agent's scan asks that far); to any other it sends back what it gets.
 */
export function greetAndEcho(socket: Socket): void {
  answerScan(socket, (first) => {
    socket.write(first);
    socket.pipe(socket);
  });
}

/** Greets, answers an agent's scan, and hands over what any other client says first. */
export function answerScan(socket: Socket, serve: (first: Buffer) => void): void {
  socket.write(RFB_GREETING);
  socket.once("data", (first: Buffer) => {
    if (first.toString("latin1") !== RFB_GREETING) return serve(first);
    socket.write(Buffer.from([1, 1]));
    socket.once("data", () => socket.write(Buffer.alloc(4)));
  });
}
