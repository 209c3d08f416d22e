import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** A TCP proxy on loopback whose connections can be cut: a network that fails for real. */
export class TcpProxy {
  readonly url: string;
  readonly #server: Server;
  readonly #connections = new Set<{ client: Socket; upstream: Socket; firstLine: string }>();

  private constructor(server: Server, targetPort: number) {
    this.#server = server;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (client) => {
      const upstream = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
      const connection = { client, upstream, firstLine: "" };
      this.#connections.add(connection);
      client.once("data", (data) => {
        connection.firstLine = data.toString("latin1").split("\r\n", 1)[0] ?? "";
      });
      client.pipe(upstream);
      upstream.pipe(client);
      for (const socket of [client, upstream]) {
        socket.on("error", () => {}); // `close` follows
        socket.on("close", () => {
          client.destroy();
          upstream.destroy();
          this.#connections.delete(connection);
        });
      }
    });
  }

  static async listen(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new TcpProxy(server, targetPort);
  }

  /** Resets the connections whose first line begins like this, as in `GET /agent/link`. */
  cut(firstLine: string): void {
    for (const connection of this.#connections) {
      if (!connection.firstLine.startsWith(firstLine)) continue;
      connection.client.resetAndDestroy();
      connection.upstream.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.cut("");
    this.#server.close();
    await once(this.#server, "close");
  }
}
