import type { Member } from "../../protocol/chat.ts";
import { bearer } from "./call.ts";
import type { People } from "./people.ts";
import { ADMIN_TOKEN, type Rig } from "./rig.ts";
import type { RoomMember } from "./room-member.ts";

/** A session's room, which people enter by name, or as staff. */
export class SessionRoom {
  readonly session: string;
  readonly #rig: Rig;
  readonly #people: People;

  constructor(rig: Rig, people: People, session: string) {
    this.#rig = rig;
    this.#people = people;
    this.session = session;
  }

  static async make(rig: Rig, people: People): Promise<SessionRoom> {
    const { host_id } = await rig.enrol();
    const { session_id } = await rig.api.createSession({ host_id, port: 5900 });
    return new SessionRoom(rig, people, session_id);
  }

  /** @param query of the upgrade, from the `&` on */
  async enter(name: string, query = ""): Promise<Present> {
    const ticket = await this.#people.ticket(this.session, bearer(ADMIN_TOKEN), { name });
    return present(this.#people.chat(this.session, { ticket }, query));
  }

  /** With the admin token itself, which makes an operator of the room. */
  enterAsStaff(query = ""): Promise<Present> {
    return present(this.#people.chat(this.session, bearer(ADMIN_TOKEN), query));
  }

  stored(query: string): Promise<unknown[]> {
    return this.#rig.stored("ChatRoom", `session:${this.session}`, query);
  }

  evict(webSockets: "close" | "hibernate"): Promise<void> {
    const name = `session:${this.session}`;
    const options = { name, webSockets };
    return this.#rig.edge.miniflare.unsafeEvictDurableObject("porthole", "ChatRoom", options);
  }
}

/** A member's socket, and who they are in the room. */
export type Present = { room: RoomMember; me: Member };

export async function present(room: RoomMember): Promise<Present> {
  return { room, me: (await room.next("welcome")).me };
}
