import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PersonRole, SeenSession } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

let rig: Rig;
let people: People;
let session: string;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  const { host_id } = await rig.enrol();
  session = (await rig.api.createSession({ host_id, port: 5900 })).session_id;
});

afterAll(() => rig.stop());

async function seenBy(headers: Record<string, string>): Promise<Partial<SeenSession>> {
  const asked = people.call(`/api/vnc/session/${session}`, { headers });
  const { standing, your_role } = (await people.wanted(200, asked)).json<SeenSession>();
  return { standing, your_role };
}

describe("a session tells who asks", () => {
  it.each<[PersonRole, SeenSession["your_role"]]>([
    ["viewer", "view"],
    ["operator", "control"],
    ["admin", "control"],
  ])("with a key of the role %s that they are one, who may have %s", async (role, your_role) => {
    const { key } = await people.key(role);
    expect(await seenBy(bearer(key))).toEqual({ standing: role, your_role });
  });

  it("with the admin token, or signed in with it, that they are an admin", async () => {
    const admin = { standing: "admin", your_role: "control" };
    expect(await seenBy(bearer(ADMIN_TOKEN))).toEqual(admin);
    expect(await seenBy(people.browser(await people.signIn()))).toEqual(admin);
  });

  it("by a share link that they are a guest with the link's role, unless they are signed in", async () => {
    const guest = (await people.redeem((await people.shareLink(session)).secret)).cookie;
    const asGuest = { standing: "guest", your_role: "control" };
    expect(await seenBy(people.browser(guest))).toEqual(asGuest);
    const both = `${guest}; ${await people.signIn()}`;
    expect((await seenBy(people.browser(both))).standing).toBe("admin");
  });

  it("and only there: who makes or lists sessions is not told so", async () => {
    const { items } = await rig.api.sessions();
    expect(items).toHaveLength(1);
    expect(items[0]).not.toHaveProperty("standing");
    expect(items[0]).not.toHaveProperty("your_role");
  });
});
