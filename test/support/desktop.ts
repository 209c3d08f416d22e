import type { Rig, TestAgent } from "./rig.ts";
import { greetAndEcho, TcpServer } from "./tcp-server.ts";

/** A host with one display that echoes, to be seen through as many sessions as a test wants. */
export class Desktop {
  readonly agent: TestAgent;
  readonly server: TcpServer;
  readonly #rig: Rig;

  private constructor(rig: Rig, server: TcpServer, agent: TestAgent) {
    this.#rig = rig;
    this.server = server;
    this.agent = agent;
  }

  static async start(rig: Rig): Promise<Desktop> {
    const server = await TcpServer.listen(greetAndEcho);
    const agent = await rig.startAgent({ allow: [`127.0.0.1:${server.port}`] });
    return new Desktop(rig, server, agent);
  }

  /** @returns the id of a new session of it */
  async session(): Promise<string> {
    const body = { host_id: this.agent.hostId, port: this.server.port };
    return (await this.#rig.api.createSession(body)).session_id;
  }

  async stop(): Promise<void> {
    await this.agent.stop();
    await this.server.close();
  }
}
