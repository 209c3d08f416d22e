import type { Session } from "../../protocol/api.ts";
import { SessionRoom } from "./chat-rooms.ts";
import { People } from "./people.ts";
import { type Rig, startRig } from "./rig.ts";
import { XClient } from "./x-client.ts";
import { startXvnc, type Xvnc } from "./xvnc.ts";

/** A real desktop that shows a picture, its session, and the chat beside it. */
export class DesktopStage {
  readonly rig: Rig;
  readonly people: People;
  /** What is on the display, and hears what reaches it. */
  readonly x: XClient;
  readonly session: Session;
  readonly room: SessionRoom;
  readonly #xvnc: Xvnc;

  private constructor(rig: Rig, xvnc: Xvnc, x: XClient, session: Session) {
    this.rig = rig;
    this.people = new People(rig);
    this.x = x;
    this.session = session;
    this.room = new SessionRoom(rig, this.people, session.session_id);
    this.#xvnc = xvnc;
  }

  static async start(
    display: number,
    picture: Parameters<XClient["draw"]>[0],
    options: { control?: "exclusive" } = {},
  ): Promise<DesktopStage> {
    const [rig, xvnc] = await Promise.all([startRig(), startXvnc(display)]);
    const x = await XClient.connect(display);
    await x.draw(picture);
    const { port } = xvnc;
    const agent = await rig.startAgent({ allow: [`127.0.0.1:${port}`] });
    const session = await rig.api.createSession({ host_id: agent.hostId, port, ...options });
    return new DesktopStage(rig, xvnc, x, session);
  }

  async stop(): Promise<void> {
    this.x.close();
    await this.rig.stop();
    await this.#xvnc.kill();
  }
}
