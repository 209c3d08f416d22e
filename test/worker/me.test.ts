import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Me, PersonRole } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

const NOTHING = { sessions: [], support_room: null };

let rig: Rig;
let people: People;
let desktop: Desktop;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

async function me(headers: Record<string, string>): Promise<Me> {
  return (await people.wanted(200, people.call("/api/me", { headers }))).json<Me>();
}

async function guestCookie(session: string, link: object = {}): Promise<string> {
  const { secret } = await people.shareLink(session, link);
  return (await people.redeem(secret)).cookie;
}

const remaining = (at: string | null) => Date.parse(at ?? "") - Date.now();
const DAY_MS = 24 * 60 * 60_000;

describe("who am I: the edge says", () => {
  it("the admin token to who sends that", async () => {
    const expected = { kind: "admin_token", name: "admin", role: "admin", expires_at: null };
    expect(await me(bearer(ADMIN_TOKEN))).toEqual({ ...expected, ...NOTHING });
  });

  it.each(["viewer", "operator", "admin"] satisfies PersonRole[])(
    "a key and its role %s to who sends one",
    async (role) => {
      const { key } = await people.key(role, "a panel");
      const expected = { kind: "key", name: "a panel", role, expires_at: null };
      expect(await me(bearer(key))).toEqual({ ...expected, ...NOTHING });
    },
  );

  it("until when a browser is signed in, of two the one that asks", async () => {
    const cookie = await people.signIn();
    await people.signIn();
    const found = await me({ cookie });
    expect(found).toMatchObject({ kind: "login", name: "admin", role: "admin", ...NOTHING });
    expect(remaining(found.expires_at)).toBeGreaterThan(6 * DAY_MS);
    expect(remaining(found.expires_at)).toBeLessThanOrEqual(7 * DAY_MS);
  });

  it("to a guest what they may enter and until when, and nothing that is over", async () => {
    const [session, other, over] = [
      await desktop.session(),
      await desktop.session(),
      await desktop.session(),
    ];
    const cookies = [
      await guestCookie(session, { role: "view", ttl_seconds: 60 }),
      await guestCookie(other),
      await guestCookie(over),
    ];
    await rig.api.endSession(over);
    const found = await me({ cookie: [...cookies, "porthole-guest-nobody-knows=x"].join("; ") });
    expect(found).toMatchObject({ kind: "guest", name: "Guest", role: null, support_room: null });
    expect(found.sessions.map(({ session_id, role }) => [session_id, role])).toEqual([
      [session, "view"],
      [other, "control"],
    ]);
    expect(remaining(found.sessions[0]?.expires_at ?? null)).toBeLessThanOrEqual(60_000);
  });

  it("to a guest of support their room, by their own name", async () => {
    const options = { method: "POST", body: { name: "Ann" } };
    const opened = await people.wanted(201, people.call("/api/chat/support", options));
    const { room } = opened.json<{ room: string }>();
    const found = await me({ cookie: opened.cookie });
    expect(found).toMatchObject({ kind: "guest", name: "Ann", sessions: [], support_room: room });
  });

  it("a person first, who is a guest besides", async () => {
    const guest = await guestCookie(await desktop.session());
    const cookie = `${await people.signIn()}; ${guest}`;
    expect(await me({ cookie })).toMatchObject({ kind: "login", ...NOTHING });
  });

  it("nothing to a page of another site, whoever its browser is", async () => {
    const session = await desktop.session();
    for (const cookie of [await people.signIn(), await guestCookie(session)]) {
      const headers = { cookie, "sec-fetch-site": "cross-site" };
      expect((await people.call("/api/me", { headers })).status).toBe(403);
    }
  });

  it("401 to a browser whose every link is over, and to a wrong token beside a good cookie", async () => {
    const session = await desktop.session();
    const cookie = await guestCookie(session);
    const wrong = { cookie, ...bearer("wrong") };
    expect((await people.call("/api/me", { headers: wrong })).status).toBe(401);
    await rig.api.endSession(session);
    expect((await people.call("/api/me", { headers: { cookie } })).status).toBe(401);
  });
});
