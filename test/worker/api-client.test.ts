import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Rig, startRig } from "../support/rig.ts";

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(() => rig.stop());

describe("the client of the API is answered", () => {
  it("JSON as what it says", async () => {
    expect((await rig.api.call("GET /api/health", {})).status).toBe("ok");
    expect(await rig.api.call("GET /api/openapi.json", {})).toHaveProperty("openapi", "3.1.1");
  });

  it("what is no JSON as its text", async () => {
    const metrics: string = await rig.api.call("GET /metrics", {});
    expect(metrics).toMatch(/^# HELP porthole_/);
    const page: string = await rig.api.call("GET /api/docs", {});
    expect(page).toMatch(/^<!doctype html>/i);
  });

  it("nothing where there is no body", async () => {
    expect(await rig.api.call("POST /api/logout", {})).toBeUndefined();
  });

  it("a problem as an error that has it", async () => {
    const asking = rig.api.call("GET /api/hosts/:id", { params: { id: "nobody" } });
    await expect(asking).rejects.toMatchObject({
      status: 404,
      problem: { code: "no_such_host" },
    });
  });
});
