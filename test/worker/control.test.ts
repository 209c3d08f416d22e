import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import type { Member, RoomToClient } from "../../protocol/chat.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { type Credential, People } from "../support/people.ts";
import { PlayedAgent } from "../support/played-agent.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import type { RoomMember } from "../support/room-member.ts";
import type { Viewer } from "../support/viewer.ts";

let rig: Rig;
let people: People;
let agent: PlayedAgent;
let session: string;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

beforeEach(async () => {
  agent = await PlayedAgent.start(rig);
  session = await newSession("exclusive");
  return async () => {
    // Whatever a test did: never did two people's streams have control at one time.
    expect(agent.mostControlling).toBeLessThanOrEqual(1);
    await rig.api.endSession(session);
    await agent.stop();
  };
});

async function newSession(control: "exclusive" | "shared"): Promise<string> {
  const body = { host_id: agent.hostId, port: 5900, control };
  return (await rig.api.createSession(body)).session_id;
}

/** Somebody with the desktop open, and the chat. */
type Present = { viewer: Viewer; stream: string; room: RoomMember; me: Member };

/** Opens a desktop, and waits for its picture. */
async function watch(credential: Credential): Promise<{ viewer: Viewer; stream: string }> {
  const before = agent.heard.filter(({ type }) => type === "open").length;
  const viewer = people.stream(session, credential);
  const { stream } = await agent.opened(before + 1);
  await viewer.receive(1);
  return { viewer, stream };
}

async function enterRoom(credential: Credential): Promise<{ room: RoomMember; me: Member }> {
  const room = people.chat(session, credential);
  return { room, me: (await room.next("welcome")).me };
}

async function present(credential: Credential): Promise<Present> {
  return { ...(await watch(credential)), ...(await enterRoom(credential)) };
}

/** A person of an integrator's: a ticket for each socket, made with its key or the admin token. */
async function called(name: string, headers = bearer(ADMIN_TOKEN)): Promise<Present> {
  const ticket = async () => ({ ticket: await people.ticket(session, headers, { name }) });
  return { ...(await watch(await ticket())), ...(await enterRoom(await ticket())) };
}

async function signedIn(): Promise<Present> {
  return present(people.browser(await people.signIn()));
}

async function auditOf(count: number): Promise<string[]> {
  let lines: AuditEntry[] = [];
  await poll(10_000, `${count} lines about control`, async () => {
    const page = (await people.asAdmin("GET", "/api/audit?limit=200")).json<Page<AuditEntry>>();
    const wanted = page.items.filter(({ action }) => action.startsWith("control."));
    lines = wanted.filter(({ target }) => target === session).reverse();
    return lines.length >= count;
  });
  return lines.map(({ action, actor, detail }) => `${action} by ${actor}: ${detail}`);
}

const names = (members: Member[]) => members.map(({ name }) => name);

describe("control of an exclusive session", () => {
  it("goes to the first who opens it and may control; those who come later watch", async () => {
    const ann = await called("Ann");
    expect(agent.heard.at(-1)).toMatchObject({ type: "open", role: "control" });
    expect(await ann.room.next("control")).toEqual({ type: "control", holder: ann.me, asking: [] });
    const bob = await called("Bob");
    const boss = await signedIn();
    for (const { stream, room } of [bob, boss]) {
      expect(agent.roleOf(stream)).toBe("view");
      expect((await room.next("control")).holder).toEqual(ann.me);
    }
    expect(agent.roleOf(ann.stream)).toBe("control");
  });

  it("is not for who may only watch, even if nobody has it", async () => {
    const link = await people.shareLink(session, { role: "view" });
    const guest = await present(people.browser((await people.redeem(link.secret)).cookie));
    expect(agent.roleOf(guest.stream)).toBe("view");
    expect(await guest.room.next("control")).toMatchObject({ holder: null, asking: [] });
    for (const op of ["ask", "take", "release"] as const) {
      guest.room.wants(op);
      expect((await guest.room.next("error")).code).toBe("view_only");
    }
    const ann = await called("Ann");
    await agent.has("control", ann.stream);
    ann.room.wants("give", guest.me.id);
    expect((await ann.room.next("error")).code).toBe("view_only");
    expect(agent.roleOf(guest.stream)).toBe("view");
  });

  it("is asked for, once, and given to one of those who asked or to another", async () => {
    const [ann, bob, cyd] = [await called("Ann"), await called("Bob"), await called("Cyd")];
    bob.room.wants("ask");
    await ann.room.holder("Ann");
    expect(names((await ann.room.next("control")).asking)).toEqual(["Bob"]);
    bob.room.wants("ask");
    cyd.room.wants("ask");
    expect(names((await ann.room.next("control")).asking)).toEqual(["Bob", "Cyd"]);
    ann.room.wants("give", cyd.me.id);
    for (const { room } of [ann, bob, cyd]) {
      expect(await room.holder("Cyd")).toMatchObject({ holder: cyd.me, asking: [bob.me] });
    }
    await agent.has("control", cyd.stream);
    expect(agent.roleOf(ann.stream)).toBe("view");
    cyd.room.wants("give", ann.me.id);
    await ann.room.holder("Ann");
    await agent.has("control", ann.stream);
    expect(agent.roleOf(cyd.stream)).toBe("view");
  });

  it("goes to the first who asked when it is released, and to nobody when nobody did", async () => {
    const [ann, bob, cyd] = [await called("Ann"), await called("Bob"), await called("Cyd")];
    await ann.room.holder("Ann");
    for (const { room, me } of [bob, cyd]) {
      room.wants("ask");
      expect((await ann.room.next("control")).asking).toContainEqual(me);
    }
    ann.room.wants("release");
    expect(await ann.room.holder("Bob")).toMatchObject({ asking: [cyd.me] });
    await agent.has("control", bob.stream);
    cyd.room.wants("release"); // withdraws what they asked
    expect((await ann.room.holder("Bob")).asking).toEqual([]);
    bob.room.wants("release");
    await ann.room.holder(null);
    await agent.has("view", bob.stream);
    cyd.room.wants("ask"); // nobody has it: granted at once
    await ann.room.holder("Cyd");
    await agent.has("control", cyd.stream);
  });

  it("is released when the holder's last stream closes, and not before", async () => {
    const [ann, bob] = [await called("Ann"), await called("Bob")];
    const ticket = await people.ticket(session, bearer(ADMIN_TOKEN), { name: "Ann" });
    const tab = await watch({ ticket });
    agent.mostControlling = 0; // two streams of one person may control, and do
    expect(agent.roleOf(tab.stream)).toBe("control");
    bob.room.wants("ask");
    await ann.viewer.close();
    await ann.room.close();
    await agent.until(() => agent.roleOf(ann.stream) === undefined);
    expect(agent.roleOf(tab.stream)).toBe("control");
    await tab.viewer.close();
    await bob.room.holder("Bob");
    await agent.has("control", bob.stream);
  });

  it("is waited for only by those who are there: who closes the desktop asks no more", async () => {
    const [ann, bob, cyd] = [await called("Ann"), await called("Bob"), await called("Cyd")];
    await ann.room.holder("Ann");
    for (const { room } of [bob, cyd]) {
      room.wants("ask");
      await ann.room.next("control");
    }
    await bob.viewer.close();
    expect(names((await ann.room.next("control")).asking)).toEqual(["Cyd"]);
    await ann.viewer.close();
    await cyd.room.holder("Cyd");
    // Who came back watches, as all others do.
    expect(agent.roleOf((await called("Ann")).stream)).toBe("view");
  });

  it("is taken by staff at once; others are refused that", async () => {
    const headers = bearer((await people.key("operator", "Otto")).key);
    const [ann, bob] = [await called("Ann", headers), await called("Bob", headers)];
    bob.room.wants("take");
    expect((await bob.room.next("error")).code).toBe("not_staff");
    bob.room.wants("ask");
    await ann.room.holder("Ann");
    await ann.room.next("control");
    const boss = await signedIn();
    boss.room.wants("take");
    expect(await ann.room.holder("admin")).toMatchObject({ holder: boss.me, asking: [bob.me] });
    await agent.has("control", boss.stream);
    expect(agent.roleOf(ann.stream)).toBe("view");
    const asSelf = await present(headers);
    asSelf.room.wants("take");
    expect((await boss.room.holder("Otto")).holder).toEqual(asSelf.me);
    await agent.has("control", asSelf.stream);
    expect(agent.roleOf(boss.stream)).toBe("view");
  });

  it("is taken by staff who came with a ticket of their own", async () => {
    const ann = await called("Ann");
    const cookie = people.browser(await people.signIn());
    const ticket = async () => ({ ticket: await people.ticket(session, cookie) });
    const { stream } = await watch(await ticket());
    const { room } = await enterRoom(await ticket());
    room.wants("take");
    await ann.room.holder("admin");
    await agent.has("control", stream);
  });

  it("is refused, with a reason, to those who cannot have it", async () => {
    const ann = await called("Ann");
    const admin = bearer(ADMIN_TOKEN);
    const ticket = await people.ticket(session, admin, { name: "Bob" });
    const { room, me } = await enterRoom({ ticket });
    const answer = async (...wish: Parameters<RoomMember["wants"]>) => {
      room.wants(...wish);
      const { code, message } = await room.next("error");
      expect(message).toMatch(/^[A-Z].*\.$/);
      return code;
    };
    expect(await answer("ask")).toBe("no_stream");
    expect(await answer("release")).toBe("not_holder");
    expect(await answer("give", ann.me.id)).toBe("not_holder");
    ann.room.wants("give", me.id);
    expect((await ann.room.next("error")).code).toBe("no_stream");
    for (const to of ["nobody", undefined]) {
      ann.room.wants("give", to);
      expect((await ann.room.next("error")).code).toBe("no_such_member");
    }
    for (const bad of [{ op: "steal" }, { op: "give", to: "a b" }, { op: "give", to: 7 }, {}]) {
      room.send(JSON.stringify({ type: "control", ...bad }));
      expect((await room.next("error")).code).toBe("malformed");
    }
    expect(agent.roleOf(ann.stream)).toBe("control");
  });

  it("is shared by the tabs of one person, and lost by all of them", async () => {
    const cookie = people.browser(await people.signIn());
    const tabs = [await present(cookie), await present(cookie)];
    for (const { stream } of tabs) expect(agent.roleOf(stream)).toBe("control");
    const bob = await called("Bob");
    const before = agent.heard.length;
    tabs[1]?.room.wants("give", bob.me.id);
    await bob.room.holder("Bob");
    await agent.has("control", bob.stream);
    agent.mostControlling = 0; // it was two until then, of one person
    const told = agent.heard.slice(before).map((said) => said.type === "role" && said.role);
    expect(told).toEqual(["view", "view", "control"]);
    for (const { stream } of tabs) expect(agent.roleOf(stream)).toBe("view");
  });

  it("tells guests of one link apart", async () => {
    const link = await people.shareLink(session);
    const guest = async () => people.browser((await people.redeem(link.secret)).cookie);
    const [one, other] = [await present(await guest()), await present(await guest())];
    expect(one.me.id).not.toBe(other.me.id);
    expect([agent.roleOf(one.stream), agent.roleOf(other.stream)]).toEqual(["control", "view"]);
  });
});

describe("control, when a credential is revoked", () => {
  it("leaves the holder at once, also at an agent that does not let go of their stream", async () => {
    const key = await people.key("operator");
    const ann = await called("Ann", bearer(key.key));
    const bob = await called("Bob");
    bob.room.wants("ask");
    await bob.room.holder("Ann");
    agent.obeys = false;
    const before = agent.heard.length;
    await people.asAdmin("DELETE", `/api/keys/${key.key_id}`);
    await agent.has("control", bob.stream);
    const told = agent.heard.slice(before).filter(({ type }) => type === "role");
    expect(told).toEqual([
      { type: "role", stream: ann.stream, role: "view" },
      { type: "role", stream: bob.stream, role: "control" },
    ]);
    await bob.room.holder("Bob");
    // What it does not close is cut, and nothing else of the session.
    expect(await ann.viewer.closed).toMatchObject({ code: 1006 });
    expect((await rig.api.session(session)).viewers).toBe(1);
    expect(bob.viewer.socket.readyState).toBe(WebSocket.OPEN);
    bob.viewer.socket.terminate();
    await bob.room.holder(null);
  });

  it("leaves those who ask out", async () => {
    const ann = await called("Ann");
    const link = await people.shareLink(session);
    const guest = await present(people.browser((await people.redeem(link.secret)).cookie));
    await ann.room.holder("Ann");
    guest.room.wants("ask");
    expect((await ann.room.next("control")).asking).toEqual([guest.me]);
    await people.asAdmin("DELETE", `/api/vnc/session/${session}/links/${link.link_id}`);
    expect((await guest.viewer.closed).code).toBe(4401);
    expect((await ann.room.next("control")).asking).toEqual([]);
  });
});

describe("control, while an agent is slow or away", () => {
  it("is with who has it when the agent comes: who lost it while they waited watches", async () => {
    const cookie = people.browser(await people.signIn());
    const boss = await present(cookie);
    const bob = await called("Bob");
    agent.answers = false;
    const late = people.stream(session, cookie);
    const open = await agent.opened(3);
    expect(open.role).toBe("control");
    boss.room.wants("give", bob.me.id);
    await bob.room.holder("Bob");
    await agent.has("control", bob.stream);
    await agent.bring(open);
    await late.receive(1);
    expect(agent.roleOf(open.stream)).toBe("view");
    expect(agent.roleOf(bob.stream)).toBe("control");
  });

  it("goes to one of two who came at once, whoever's agent is first", async () => {
    agent.answers = false;
    const admin = bearer(ADMIN_TOKEN);
    const viewers = [];
    for (const name of ["Ann", "Bob"]) {
      const ticket = await people.ticket(session, admin, { name });
      viewers.push(people.stream(session, { ticket }));
    }
    const [first, second] = [await agent.opened(1), await agent.opened(2)];
    await agent.bring(second);
    await viewers[1]?.receive(1);
    await agent.bring(first);
    await viewers[0]?.receive(1);
    expect(agent.roleOf(second.stream)).toBe("control");
    expect(agent.roleOf(first.stream)).toBe("view");
  });

  it("that changed while the link was away is told when it is back", async () => {
    const [ann, bob] = [await called("Ann"), await called("Bob")];
    await agent.unlink();
    await rig.edgeLog.waitFor("host.offline", { host: agent.hostId });
    ann.room.wants("give", bob.me.id);
    await bob.room.holder("Bob");
    expect(agent.roleOf(ann.stream)).toBe("control");
    await agent.link();
    await agent.has("control", bob.stream);
    expect(agent.roleOf(ann.stream)).toBe("view");
  });
});

describe("control, when an object starts anew", () => {
  const evict = (className: string, name: string, webSockets: "close" | "hibernate") =>
    rig.edge.miniflare.unsafeEvictDurableObject("porthole", className, { name, webSockets });

  it("is handed over as before once the room has slept", async () => {
    const [ann, bob] = [await called("Ann"), await called("Bob")];
    await evict("ChatRoom", `session:${session}`, "hibernate");
    bob.room.wants("ask");
    expect(names((await ann.room.holder("Ann")).asking)).toEqual([]);
    expect(names((await ann.room.next("control")).asking)).toEqual(["Bob"]);
    await evict("ChatRoom", `session:${session}`, "hibernate");
    ann.room.wants("give", bob.me.id);
    await bob.room.holder("Bob");
    await agent.has("control", bob.stream);
  });

  it("is told to the host and the room even if the session goes before it told them", async () => {
    const [ann, bob] = [await called("Ann"), await called("Bob")];
    bob.room.wants("ask");
    await bob.room.holder("Ann");
    await bob.room.next("control");
    // As if it had decided and gone: the roles and the holder are changed, and nobody was told.
    const store = (query: string) => rig.stored("VncSession", session, query);
    await store(`UPDATE control SET holder = '${bob.me.id}', version = version + 1`);
    await store(`DELETE FROM asking`);
    await store(`UPDATE streams SET role = 'view' WHERE stream = '${ann.stream}'`);
    await store(`UPDATE streams SET role = 'control' WHERE stream = '${bob.stream}'`);
    const before = agent.heard.length;
    const late = await enterRoom({ ticket: (await rig.api.ticket(session)).ticket });
    expect(await late.room.next("control")).toMatchObject({ holder: bob.me, asking: [] });
    expect(await ann.room.holder("Bob")).toMatchObject({ asking: [] });
    expect(agent.heard.slice(before)).toEqual([
      { type: "role", stream: ann.stream, role: "view" },
      { type: "role", stream: bob.stream, role: "control" },
    ]);
  });

  it("is not kept by streams that went with the edge's restart", async () => {
    const [ann, bob] = [await called("Ann"), await called("Bob")];
    await rig.edge.reload();
    await Promise.all([ann.viewer.closed, bob.viewer.closed]);
    await agent.until(() => !agent.roleOf(ann.stream) && !agent.roleOf(bob.stream));
    const back = await enterRoom({ ticket: (await rig.api.ticket(session)).ticket });
    expect((await back.room.next("control")).holder).toEqual(ann.me);
    await agent.link(); // and says that it has no streams
    await back.room.holder(null);
    expect(agent.roleOf((await called("Bob")).stream)).toBe("control");
  });
});

describe("control of a shared session", () => {
  it("is everybody's who may: there is nothing to hand over, and the room says nothing of it", async () => {
    await rig.api.endSession(session);
    session = await newSession("shared");
    const [ann, boss] = [await called("Ann"), await signedIn()];
    expect([ann, boss].map(({ stream }) => agent.roleOf(stream))).toEqual(["control", "control"]);
    agent.mostControlling = 0;
    for (const op of ["ask", "take", "release"] as const) {
      boss.room.wants(op);
      const before = boss.room.messages.filter(({ type }: RoomToClient) => type === "control");
      expect(before).toEqual([]);
      expect((await boss.room.next("error")).code).toBe("not_exclusive");
    }
  });
});

describe("the audit of control", () => {
  it("has a line for each change: who, and from whom to whom", async () => {
    const [ann, bob, boss] = [await called("Ann"), await called("Bob"), await signedIn()];
    const named = (who: Present) => `${who.me.name} (${who.me.id})`;
    bob.room.wants("ask");
    await ann.room.holder("Ann");
    await ann.room.next("control");
    ann.room.wants("release");
    await ann.room.holder("Bob");
    bob.room.wants("give", ann.me.id);
    await ann.room.holder("Ann");
    boss.room.wants("take");
    await ann.room.holder("admin");
    await boss.viewer.close();
    await ann.room.holder(null);
    const lines = await auditOf(6);
    const login = /login:[^:]+/.exec(lines[4] ?? "")?.[0] ?? "";
    expect(login).not.toBe("");
    expect(lines).toEqual([
      `control.taken by admin token: ${named(ann)}`,
      `control.released by admin token: ${named(ann)}`,
      `control.taken by admin token: ${named(bob)}, who asked first`,
      `control.given by admin token: ${named(bob)} to ${named(ann)}`,
      `control.taken by ${login}: ${named(boss)}, from ${named(ann)}`,
      `control.released by ${login}: ${named(boss)}`,
    ]);
  });
});
