import { describe, expect, it } from "vitest";
import { failureOf } from "../../web/server/failures.ts";

describe("what went wrong with a panel's server", () => {
  it.each([
    [501, "no_panel", "No hosting panel is set up", false],
    [503, "not_configured", "The hosting panel is not set up right", false],
    [404, "no_such_server", "The panel knows no such server", true],
    [409, "no_agent_at_address", "No agent runs on its hypervisor", true],
    [409, "address_claimed_twice", "Its hypervisor is not clear", true],
    [503, "host_offline", "Its hypervisor is offline", true],
    [502, "panel_refused", "The panel does not let this edge in", true],
    [502, "panel_malformed", "The panel cannot be asked", true],
    [504, "panel_timeout", "The panel did not answer in time", true],
    [403, "role_too_low", "You may not do that", false],
    [0, null, "That did not work", true],
  ])("%i %s", (status, code, title, isPassing) => {
    const failure = failureOf({ status, code, message: "What the edge says." });
    expect(failure).toMatchObject({ title, isPassing, sentence: "What the edge says." });
  });
});
