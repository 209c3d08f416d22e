import { describe, expect, it } from "vitest";
import type { Session } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

async function withRig(vars: Record<string, string>, use: (people: People, rig: Rig) => unknown) {
  const rig = await startRig(vars);
  try {
    await use(new People(rig), rig);
  } finally {
    await rig.stop();
  }
}

describe("a setting that cannot be right", () => {
  it.each([
    ["AUDIT_DAYS", "ninety"],
    ["AUDIT_DAYS", "-1"],
    ["SESSION_PURGE_DAYS", "0"],
    ["SESSION_PURGE_DAYS", "Infinity"],
    ["SESSION_IDLE_SECONDS", "5m"],
    ["SESSION_TTL_SECONDS", "1.5"],
    ["SESSION_MAX_TTL_SECONDS", "2592001"],
    ["JOB_HOST_AWAY_SECONDS", "Infinity x"],
  ])("%s=%s lets nobody in, and says which it is", async (name, value) => {
    await withRig({ [name]: value }, async (people) => {
      const answer = await people.call("/api/hosts", { headers: bearer(ADMIN_TOKEN) });
      expect(answer).toMatchObject({ status: 503, code: "not_configured" });
      const { detail } = answer.json<{ detail: string }>();
      expect(detail).toMatch(new RegExp(`^${name} must be `));
    });
  });

  it("is not one that is empty, has a space about it, or is as small as can be", async () => {
    const vars = { AUDIT_DAYS: "", SESSION_PURGE_DAYS: "1e-6", SESSION_IDLE_SECONDS: " 0 " };
    await withRig(vars, async (people) => {
      expect((await people.asAdmin("GET", "/api/hosts")).status).toBe(200);
    });
  });
});

describe("a session's life", () => {
  const lifeOf = ({ created_at, expires_at }: Session) =>
    (Date.parse(expires_at) - Date.parse(created_at)) / 1000;

  it("is what the operator set, and no longer than they allow", async () => {
    const vars = { SESSION_TTL_SECONDS: "600", SESSION_MAX_TTL_SECONDS: "3600" };
    await withRig(vars, async (people, rig) => {
      const { host_id } = await rig.enrol();
      const wish = { host_id, port: 5900 };
      expect(lifeOf(await rig.api.createSession(wish))).toBe(600);
      expect(lifeOf(await rig.api.createSession({ ...wish, ttl_seconds: 3600 }))).toBe(3600);
      const longer = { ...wish, ttl_seconds: 3601 };
      const answer = await people.asAdmin("POST", "/api/vnc/sessions", longer);
      expect(answer).toMatchObject({ status: 400, code: "invalid_body" });
      expect(answer.text).toContain("3600");
    });
  });

  it("is never longer by default than the longest", async () => {
    await withRig({ SESSION_MAX_TTL_SECONDS: "60" }, async (_people, rig) => {
      const { host_id } = await rig.enrol();
      expect(lifeOf(await rig.api.createSession({ host_id, port: 5900 }))).toBe(60);
    });
  });
});
