import { describe, expect, it } from "vitest";
import { serverOf, wayBack } from "../../web/viewer/way-back.ts";

const session = (news: { label?: string; batch_id?: string; job_url?: string }) => ({
  ...{ label: null, batch_id: null, job_url: null },
  ...news,
});

describe("the way back from a desktop", () => {
  it.each([
    ["to the overview", session({ label: "attic · Demo" }), "/"],
    ["to its batch", session({ label: "Server 42", batch_id: "b" }), "/batch/b"],
    ["to the panel's server", session({ label: "Server 42" }), "/server/42"],
    ["to the overview while nothing is known of it", null, "/"],
  ])("leads %s", (_, over, to) => {
    expect(wayBack(over).to).toBe(to);
  });

  it.each([
    ["Server room · Demo", null],
    ["Server ../..", null],
    ["Server ", null],
    ["My server 42", null],
    ["Server a_b-3", "a_b-3"],
  ])("takes %j for the console of %j", (label, server) => {
    expect(serverOf(session({ label }))).toBe(server);
  });

  it("takes no job for a console", () => {
    expect(serverOf(session({ label: "Server 42", job_url: "https://a.test" }))).toBeNull();
  });
});
