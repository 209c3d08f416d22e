import { describe, expect, it } from "vitest";
import { wayBack } from "../../web/viewer/way-back.ts";

const session = (news: { server_id?: string; batch_id?: string }) => ({
  ...{ server_id: null, batch_id: null },
  ...news,
});

describe("the way back from a desktop", () => {
  it.each([
    ["to the overview", session({}), "/"],
    ["to its batch", session({ batch_id: "b" }), "/batch/b"],
    ["to the panel's server", session({ server_id: "42" }), "/server/42"],
    ["to the overview while nothing is known of it", null, "/"],
  ])("leads %s", (_, over, to) => {
    expect(wayBack(over).to).toBe(to);
  });
});
