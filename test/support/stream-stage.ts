import { once } from "node:events";
import { expect } from "vitest";
import { WebSocket } from "ws";
import { dialOptions, edgeSocketUrl } from "../../agent/dial.ts";
import { type Identity, signToken } from "../../agent/identity.ts";
import { type Rig, startRig } from "./rig.ts";
import { greetAndEcho, TcpServer } from "./tcp-server.ts";
import { Viewer } from "./viewer.ts";

/** A rig with VNC servers of the test's own, for what happens to streams. */
export class StreamStage {
  readonly rig: Rig;
  /** A server that every agent here may reach. */
  readonly echo: TcpServer;
  readonly #servers: TcpServer[];

  private constructor(rig: Rig, echo: TcpServer) {
    this.rig = rig;
    this.echo = echo;
    this.#servers = [echo];
  }

  static async start(): Promise<StreamStage> {
    return new StreamStage(await startRig(), await TcpServer.listen(greetAndEcho));
  }

  async stop(): Promise<void> {
    await this.rig.stop();
    for (const server of this.#servers) await server.close();
  }

  async serve(...args: Parameters<typeof TcpServer.listen>): Promise<TcpServer> {
    const server = await TcpServer.listen(...args);
    this.#servers.push(server);
    return server;
  }

  /** A viewer of a new session of that port. */
  async view(agent: { hostId: string }, port: number): Promise<Viewer & { session: string }> {
    const session = await this.rig.api.createSession({ host_id: agent.hostId, port });
    const { websocket_url } = await this.rig.api.ticket(session.session_id);
    return Object.assign(new Viewer(websocket_url), { session: session.session_id });
  }

  allow(...servers: TcpServer[]): string[] {
    return [...servers, this.echo].map((server) => `127.0.0.1:${server.port}`);
  }

  /** Nothing of a stream is left: at the agent, in the host's object, in the session's. */
  async expectNothingLeft(
    agent: { hostId: string },
    session: string,
    server?: TcpServer,
  ): Promise<void> {
    await server?.connections(0);
    const { api, stored } = this.rig;
    expect((await api.host(agent.hostId)).streams).toBe(0);
    expect((await api.session(session)).viewers).toBe(0);
    expect(await stored("VncHost", agent.hostId, "SELECT * FROM streams")).toEqual([]);
    expect(await stored("VncSession", session, "SELECT * FROM streams")).toEqual([]);
  }
}

/** A link that is up but whose agent does nothing: for the agents that hang. */
export async function dialLink(
  identity: Identity,
  more: Record<string, string> = {},
): Promise<WebSocket> {
  const url = edgeSocketUrl(identity.edge, "/agent/link");
  const options = dialOptions(identity.edge, await signToken(identity));
  const link = new WebSocket(url, { ...options, headers: { ...options.headers, ...more } });
  await once(link, "open");
  return link;
}

/** The code of the problem that a refused upgrade of an agent is answered with. */
export function refusalCode(url: string, token: string): Promise<string> {
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
