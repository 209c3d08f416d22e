import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ApiKey, NewApiKey, Page } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectHeard, expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

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

async function listed(keyId: string): Promise<ApiKey | undefined> {
  const page = (await people.asAdmin("GET", "/api/keys")).json<Page<ApiKey>>();
  return page.items.find(({ key_id }) => key_id === keyId);
}

const revoke = (key: NewApiKey) => people.asAdmin("DELETE", `/api/keys/${key.key_id}`);

describe("an API key", () => {
  it("is shown when it is made and never again", async () => {
    const { key, ...rest } = await people.key("operator", "the panel");
    expect(key).toMatch(/^phk_[A-Za-z0-9_-]{43}$/);
    expect(rest).toMatchObject({ name: "the panel", role: "operator", last_used_at: null });
    expect(await listed(rest.key_id)).toEqual(rest);
    expect((await people.asAdmin("GET", "/api/keys")).text).not.toContain(key);
  });

  it("is stored as a hash only", async () => {
    const { key, key_id } = await people.key("operator");
    const query = `SELECT * FROM keys WHERE key_id = '${key_id}'`;
    const rows = await rig.stored("Registry", "registry", query);
    const hash = createHash("sha256").update(key).digest("base64url");
    expect(rows).toEqual([expect.objectContaining({ hash })]);
    expect(JSON.stringify(rows)).not.toContain(key.slice("phk_".length));
  });

  it("shows when it was last used, once it was", async () => {
    const { key, key_id } = await people.key("viewer");
    expect((await listed(key_id))?.last_used_at).toBeNull();
    await people.call("/api/hosts", { headers: bearer(key) });
    expect((await listed(key_id))?.last_used_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  });

  it.each(["x", "root", "Admin", "control"])("cannot be made with the role %s", async (role) => {
    const answer = await people.asAdmin("POST", "/api/keys", { name: "a key", role });
    expect(answer).toMatchObject({ status: 400, code: "invalid_body" });
  });

  it("of an operator opens a desktop and its chat", async () => {
    const session = await desktop.session();
    const operator = bearer((await people.key("operator")).key);
    const stream = people.stream(session, operator);
    const chat = people.chat(session, operator);
    await expectServed(stream);
    await expectHeard(chat);
    await Promise.all([stream.close(), chat.close()]);
  });

  it("that is revoked is refused from then on, and cannot be revoked again", async () => {
    const made = await people.key("operator");
    const use = () => people.call("/api/hosts", { headers: bearer(made.key) });
    expect((await use()).status).toBe(200);
    expect((await revoke(made)).status).toBe(204);
    expect(await use()).toMatchObject({ status: 401, code: "bad_credential" });
    expect(await listed(made.key_id)).toBeUndefined();
    expect(await revoke(made)).toMatchObject({ status: 404, code: "no_such_key" });
  });

  it("that is revoked while connected closes all that came of it with 4401, and nothing else", async () => {
    const session = await desktop.session();
    const revoked = await people.key("operator");
    const kept = await people.key("operator");
    const openAll = async (token: string) => {
      const ticket = () => people.ticket(session, bearer(token));
      const streams = [
        people.stream(session, bearer(token)),
        people.stream(session, { ticket: await ticket() }),
      ];
      const chats = [
        people.chat(session, bearer(token)),
        people.chat(session, { ticket: await ticket() }),
      ];
      await Promise.all([...streams.map(expectServed), ...chats.map(expectHeard)]);
      return { streams, chats };
    };
    const going = await openAll(revoked.key);
    const staying = [await openAll(kept.key), await openAll(ADMIN_TOKEN)];
    const unused = await people.ticket(session, bearer(revoked.key));

    await revoke(revoked);
    for (const viewer of [...going.streams, ...going.chats]) {
      expect(await viewer.closed).toEqual({ code: 4401, reason: "The API key was revoked." });
    }
    expect((await people.stream(session, { ticket: unused }).closed).code).toBe(4401);
    for (const { streams, chats } of staying) {
      await Promise.all([...streams.map(expectServed), ...chats.map(expectHeard)]);
      await Promise.all([...streams, ...chats].map((viewer) => viewer.close()));
    }
  });

  it("that is revoked while 20 upgrades with it are on their way lets none of them stay", async () => {
    const session = await desktop.session();
    const made = await people.key("operator");
    await people.ticket(session, bearer(made.key)); // the registry knows where it is used
    const coming = Array.from({ length: 20 }, (_, n) =>
      n % 2 ? people.stream(session, bearer(made.key)) : people.chat(session, bearer(made.key)),
    );
    await Promise.race(coming.map((viewer) => viewer.opened()));
    await revoke(made);
    // One that its agent was just dialling for is cut without a code; it then hears 4401.
    for (const viewer of coming) expect([4401, 1006]).toContain((await viewer.closed).code);
    expect((await people.stream(session, bearer(made.key)).closed).code).toBe(4401);
  });

  it("that the Worker found good just before it was revoked is refused by the session's object", async () => {
    const session = await desktop.session();
    const made = await people.key("operator");
    await people.ticket(session, bearer(made.key)); // the registry knows where it is used
    // What the Worker says to the object once it has found the key good.
    const namespace = await rig.edge.miniflare.getDurableObjectNamespace("VNC_SESSION", "porthole");
    // Miniflare does not know the object's class, so its stub has no methods by type.
    const object = namespace.get(namespace.idFromName(session)) as unknown as {
      admit(grant: object): Promise<{ ok: boolean }>;
    };
    const grant = { role: "control", name: "late", via: `key:${made.key_id}` };
    expect(await object.admit(grant)).toMatchObject({ ok: true });
    await revoke(made);
    expect(await object.admit(grant)).toMatchObject({ ok: false, refusal: { code: "revoked" } });
  });
});
