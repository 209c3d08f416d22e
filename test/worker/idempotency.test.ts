import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { type Answer, bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { People } from "../support/people.ts";
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

const wishes = (more: object = {}) => ({
  host_id: desktop.agent.hostId,
  port: desktop.server.port,
  ...more,
});

function create(body: object, key?: string, token = ADMIN_TOKEN): Promise<Answer> {
  const headers = { ...bearer(token), ...(key !== undefined && { "idempotency-key": key }) };
  return people.call("/api/vnc/sessions", { method: "POST", headers, body });
}

const idOf = (answer: Answer) => answer.json<Session>().session_id;

describe("a session made with an Idempotency-Key", () => {
  it("is the same one for whoever sends the key and the body again, in whatever order its fields", async () => {
    const first = await create(wishes({ label: "one" }), "order 1");
    const { host_id, port } = wishes();
    const again = await create(
      `{"label":"one","port":${port},"host_id":"${host_id}"}` as never,
      "order 1",
    );
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json()).toEqual(first.json());
    expect(idOf(await create(wishes({ label: "one" }), "order 2"))).not.toBe(idOf(first));
    expect(idOf(await create(wishes({ label: "one" })))).not.toBe(idOf(first));
  });

  it("is one, though it is sent 20 times at once", async () => {
    const label = "sent at once";
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => create(wishes({ label }), "at once")),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201));
    expect(new Set(answers.map(idOf)).size).toBe(1);
    const { items } = await rig.api.sessions();
    expect(items.filter((session) => session.label === label)).toHaveLength(1);
    const lines = `SELECT count(*) AS n FROM audit WHERE action = 'session.created' AND target = '${idOf(answers[0] as Answer)}'`;
    expect(await rig.stored("Registry", "registry", lines)).toEqual([{ n: 1 }]);
  });

  it("is another one for another credential", async () => {
    const [a, b] = [await people.key("operator"), await people.key("operator")];
    const first = await create(wishes(), "same key", a.key);
    expect(idOf(await create(wishes(), "same key", b.key))).not.toBe(idOf(first));
    expect(idOf(await create(wishes(), "same key", a.key))).toBe(idOf(first));
  });

  it("is not made, and nothing else, when the key comes with another body", async () => {
    const first = await create(wishes({ label: "mine" }), "changed");
    const other = await create(wishes({ label: "another" }), "changed");
    expect(other).toMatchObject({ status: 422, code: "idempotency_key_reused" });
    expect(idOf(await create(wishes({ label: "mine" }), "changed"))).toBe(idOf(first));
  });

  it("is the same one after it ended", async () => {
    const id = idOf(await create(wishes(), "ended"));
    await rig.api.endSession(id);
    const again = await create(wishes(), "ended");
    expect(again.json()).toMatchObject({ session_id: id, status: "ended" });
  });

  it("keeps neither the key nor the body", async () => {
    await create(wishes({ password: "hunter2" }), "a key to be kept secret");
    const rows = JSON.stringify(
      await rig.stored("Registry", "registry", "SELECT * FROM creations"),
    );
    expect(rows).not.toContain("secret");
    expect(rows).not.toContain("hunter2");
  });

  it("is forgotten by its key after 24 hours, and made anew", async () => {
    const id = idOf(await create(wishes(), "a day"));
    const age = (ms: number) =>
      rig.stored("Registry", "registry", `UPDATE creations SET claimed_at = claimed_at - ${ms}`);
    await age(23 * 60 * 60_000);
    expect(idOf(await create(wishes(), "a day"))).toBe(id);
    await age(60 * 60_000);
    expect(idOf(await create(wishes(), "a day"))).not.toBe(id);
  });

  it.each(["", "ä", "x".repeat(256)])("is refused for the key %j", async (key) => {
    const answer = await create(wishes(), Buffer.from(key, "utf8").toString("latin1"));
    expect(answer).toMatchObject({ status: 400, code: "malformed_idempotency_key" });
  });

  it("may have a key of 255 characters", async () => {
    expect((await create(wishes(), "x".repeat(255))).status).toBe(201);
  });
});
