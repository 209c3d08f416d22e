import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export const PANEL_TOKEN = "the-token-of-the-panels-api";

/** A server of the panel's, and where its hypervisor listens for VNC. */
export type PanelledServer = {
  ip: string | null;
  port: number | null;
  password: string;
  /** Whether somebody is connected, which is what VirtFusion calls `enabled`. */
  enabled: boolean;
};

export type Post = { server: string; body: unknown };

/** How VirtFusion's versions want to be told; the other way they answer 200 and do nothing. */
export type Dialect = "action" | "vnc";

/**
 * A hosting panel with VirtFusion's API, as far as VNC goes, over real HTTP: every POST rotates the
 * password, `enabled` follows the connections and not the switch, a 401 has no body.
 */
export class PanelServer {
  readonly servers = new Map<string, PanelledServer>();
  /** Every POST that came, in order. */
  readonly posts: Post[] = [];
  gets = 0;
  /** What it does in place of answering; null answers as it should. */
  misbehave: ((request: IncomingMessage, response: ServerResponse) => unknown) | null = null;
  /** Called when VNC is switched, before the answer, as the hypervisor would be. */
  onSwitch: (on: boolean, server: PanelledServer) => Promise<void> = async () => {};
  readonly #http: Server;
  readonly #dialect: Dialect;
  readonly #asked = new Set<() => void>();
  #rotations = 0;

  private constructor(http: Server, dialect: Dialect) {
    this.#http = http;
    this.#dialect = dialect;
  }

  static async start(dialect: Dialect = "action"): Promise<PanelServer> {
    const http = createServer((request, response) => panel.#serve(request, response));
    const panel = new PanelServer(http, dialect);
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    return panel;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}`;
  }

  /** The settings of an edge that uses it. */
  get vars(): Record<string, string> {
    return {
      VIRTFUSION_URL: this.url,
      VIRTFUSION_TOKEN: PANEL_TOKEN,
      VIRTFUSION_VNC_BODY: this.#dialect,
    };
  }

  add(id: string, ip: string | null, port: number | null): PanelledServer {
    const server = { ip, port, password: this.#newPassword(), enabled: false };
    this.servers.set(id, server);
    return server;
  }

  /** As a click in the panel's own pages does. */
  rotate(id: string): string {
    const server = this.servers.get(id);
    if (!server) throw new Error(`There is no server ${id}.`);
    server.password = this.#newPassword();
    return server.password;
  }

  /** Waits until it was asked for something. */
  asked(): Promise<void> {
    return new Promise((resolve) => this.#asked.add(resolve));
  }

  async stop(): Promise<void> {
    this.#http.closeAllConnections();
    this.#http.close();
    await once(this.#http, "close");
  }

  /** Of 8 characters, which is all that VNC authentication looks at. */
  #newPassword(): string {
    this.#rotations++;
    return `pw-${String(this.#rotations).padStart(5, "0")}`;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += chunk;
    const id = /^\/api\/v1\/servers\/([^/]+)\/vnc$/.exec(request.url ?? "")?.[1] ?? "";
    const isPost = request.method === "POST";
    if (isPost) this.posts.push({ server: id, body: JSON.parse(text) });
    else this.gets++;
    for (const tell of this.#asked) tell();
    this.#asked.clear();
    if (this.misbehave) return void this.misbehave(request, response);
    if (request.headers.authorization !== `Bearer ${PANEL_TOKEN}`) {
      response.writeHead(401).end();
      return;
    }
    const server = this.servers.get(id);
    if (!server) return sendJson(response, 404, { msg: "server not found" });
    let queueId: number | null = null;
    if (isPost) {
      server.password = this.#newPassword();
      const on = this.#read(JSON.parse(text));
      if (on !== null) {
        await this.onSwitch(on, server);
        queueId = 4000 + this.posts.length;
      }
    }
    const { ip, port, password, enabled } = server;
    const wss = { token: "c0ffee", url: "/vnc/?token=c0ffee" };
    const vnc = { ip, hostname: null, port, password, wss, enabled };
    sendJson(response, 200, { data: { vnc, ...(isPost && { queueId }) } });
  }

  /** Whether to switch VNC on or off; null if this panel does not hear it. */
  #read(body: { action?: string; vnc?: boolean }): boolean | null {
    if (this.#dialect === "vnc") return body.vnc ?? null;
    return body.action === "enable" ? true : body.action === "disable" ? false : null;
  }
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
