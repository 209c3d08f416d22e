import type { ClientOptions } from "ws";
import type { NewApiKey, PersonRole, ShareLink, Ticket } from "../../protocol/api.ts";
import type { Role } from "../../protocol/link.ts";
import { type Answer, bearer, type CallOptions, call } from "./call.ts";
import { EventWatcher } from "./event-watcher.ts";
import { ADMIN_TOKEN, type Rig } from "./rig.ts";
import { RoomMember } from "./room-member.ts";
import { Viewer } from "./viewer.ts";

/** Those who come to an edge, each with a credential of their own. */
export class People {
  readonly #rig: Rig;

  constructor(rig: Rig) {
    this.#rig = rig;
  }

  call(path: string, options?: CallOptions): Promise<Answer> {
    return call(this.#rig.edge.url + path, options);
  }

  asAdmin(method: string, path: string, body?: unknown): Promise<Answer> {
    return this.call(path, { method, headers: bearer(ADMIN_TOKEN), body });
  }

  /** @throws {Error} with the edge's answer, unless it has that status */
  async wanted(status: number, answer: Promise<Answer>): Promise<Answer> {
    const { status: got, text } = await answer;
    if (got !== status) throw new Error(`wanted ${status}, got ${got}: ${text}`);
    return answer;
  }

  async key(role: PersonRole, name = `a ${role}`): Promise<NewApiKey> {
    const made = this.asAdmin("POST", "/api/keys", { name, role });
    return (await this.wanted(201, made)).json<NewApiKey>();
  }

  /** Signs a browser in. @returns its cookie */
  async signIn(headers: Record<string, string> = {}): Promise<string> {
    const body = { admin_token: ADMIN_TOKEN };
    const answer = this.call("/api/login", { method: "POST", headers, body });
    return (await this.wanted(204, answer)).cookie;
  }

  async shareLink(session: string, body: object = {}): Promise<ShareLinkMade> {
    const path = `/api/vnc/session/${session}/links`;
    const made = this.asAdmin("POST", path, { role: "control", ...body });
    const link = (await this.wanted(201, made)).json<ShareLink & { url: string }>();
    return { ...link, secret: new URL(link.url).hash.slice(1) };
  }

  redeem(secret: string, options: CallOptions = {}): Promise<Answer> {
    return this.call("/api/links/redeem", { method: "POST", body: { secret }, ...options });
  }

  async ticket(
    session: string,
    headers: Record<string, string>,
    body: { role?: Role; name?: string } = {},
  ): Promise<string> {
    const issued = this.askTicket(session, headers, { role: "control", ...body });
    return (await this.wanted(201, issued)).json<Ticket>().ticket;
  }

  askTicket(session: string, headers: Record<string, string>, body: object): Promise<Answer> {
    return this.call(`/api/vnc/session/${session}/tickets`, { method: "POST", headers, body });
  }

  /** What a browser sends from a page of the edge. */
  browser(cookie: string): Record<string, string> {
    return { cookie, origin: this.#rig.edge.url };
  }

  stream(session: string, credential: Credential): Viewer {
    return this.socket(`/vnc-stream/${session}`, credential);
  }

  chat(session: string, credential: Credential, query = ""): RoomMember {
    const path = `/chat-ws?room=session:${session}${query}`;
    return new RoomMember(...this.#upgrade(path, credential));
  }

  events(credential: Credential, since?: number): EventWatcher {
    const query = since === undefined ? "" : `?since=${since}`;
    return new EventWatcher(...this.#upgrade(`/api/events${query}`, credential));
  }

  socket(path: string, credential: Credential): Viewer {
    return new Viewer(...this.#upgrade(path, credential));
  }

  #upgrade(path: string, credential: Credential): [url: string, options: ClientOptions] {
    const url = new URL(path, this.#rig.edge.url.replace("http", "ws"));
    if (!("ticket" in credential)) return [url.href, { headers: credential }];
    url.searchParams.set("ticket", credential.ticket);
    return [url.href, {}];
  }
}

/** A link, with the secret that its URL carries in the fragment. */
export type ShareLinkMade = ShareLink & { url: string; secret: string };

export type Credential = { ticket: string } | Record<string, string>;

/** Shows that a viewer of a server that echoes is still served. */
export async function expectServed(viewer: Viewer): Promise<void> {
  const before = (await viewer.receive(1)).length;
  viewer.send(Buffer.from("still there"));
  await viewer.receive(before + "still there".length);
}

/** Shows that a member of a chat is still heard. */
export async function expectHeard(member: Viewer): Promise<void> {
  const before = (await member.receive(1)).length;
  member.send(JSON.stringify({ type: "send", cid: String(before), text: "still there" }));
  await member.receive(before + 1);
}
