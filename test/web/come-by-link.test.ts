import { describe, expect, it } from "vitest";
import type { SeenSession } from "../../protocol/api.ts";
import { ApiError } from "../../web/api.ts";
import { comeByLink } from "../../web/come-by-link.ts";

const SECRET = "session-1.a-secret";
const LET_IN = { kind: "let-in", sessionId: "session-1" };

/** An edge that answers as told, and remembers what it was asked. */
function fakeEdge(answers: { session: ApiError | null; redeem?: ApiError }) {
  const asked: string[] = [];
  return {
    asked,
    async getSession(id: string) {
      asked.push(`session ${id}`);
      if (answers.session) throw answers.session;
      return {} as SeenSession;
    },
    async redeemLink(secret: string) {
      asked.push(`redeem ${secret}`);
      if (answers.redeem) throw answers.redeem;
      return { session_id: "session-1" };
    },
  };
}

const NOT_SIGNED_IN = new ApiError(401, "Sign in.", "not_signed_in");

describe("coming by a share link", () => {
  it("takes a use of it in a browser that the session does not know", async () => {
    const edge = fakeEdge({ session: NOT_SIGNED_IN });
    expect(await comeByLink(SECRET, edge)).toEqual(LET_IN);
    expect(edge.asked).toEqual(["session session-1", `redeem ${SECRET}`]);
  });

  it("takes none for whoever may see the session already", async () => {
    const edge = fakeEdge({ session: null });
    expect(await comeByLink(SECRET, edge)).toEqual(LET_IN);
    expect(edge.asked).toEqual(["session session-1"]);
  });

  it("takes a use of a new link where the one before is over", async () => {
    const edge = fakeEdge({ session: new ApiError(401, "It is over.", "link_over") });
    expect(await comeByLink(SECRET, edge)).toEqual(LET_IN);
  });

  it.each([
    [401, "This link has expired, was revoked or is used up; ask for a new one."],
    [410, "The operator ended this session."],
  ])("is refused with the edge's sentence after %d", async (status, sentence) => {
    const edge = fakeEdge({ session: NOT_SIGNED_IN, redeem: new ApiError(status, sentence) });
    expect(await comeByLink(SECRET, edge)).toEqual({ kind: "refused", reason: sentence });
  });

  it.each([0, 429, 503])("may be tried again after %d, from either question", async (status) => {
    const passing = new ApiError(status, "Not now.");
    const failed = { kind: "failed", reason: "Not now." };
    expect(await comeByLink(SECRET, fakeEdge({ session: NOT_SIGNED_IN, redeem: passing }))).toEqual(
      failed,
    );
    // A use must not be taken by somebody who may be let in without one.
    const edge = fakeEdge({ session: passing });
    expect(await comeByLink(SECRET, edge)).toEqual(failed);
    expect(edge.asked).toEqual(["session session-1"]);
  });

  it.each(["", "no-dot", ".secret", "../../api.secret", "a/b.secret"])(
    "never asks the edge about %j",
    async (secret) => {
      const edge = fakeEdge({ session: null });
      expect(await comeByLink(secret, edge)).toMatchObject({ kind: "refused" });
      expect(edge.asked).toEqual([]);
    },
  );

  it("says of a session that is forgotten what to do", async () => {
    const redeem = new ApiError(404, "There is no such session.");
    const arrival = await comeByLink(SECRET, fakeEdge({ session: NOT_SIGNED_IN, redeem }));
    expect(arrival).toMatchObject({
      kind: "refused",
      reason: expect.stringMatching(/ask for a new link/),
    });
  });

  it("says of a link that was cut short that a part is missing", async () => {
    const edge = fakeEdge({ session: NOT_SIGNED_IN, redeem: new ApiError(400, "secret: wrong") });
    const arrival = await comeByLink(SECRET, edge);
    expect(arrival).toMatchObject({ reason: expect.stringContaining("missing") });
  });

  it("lets a fault of ours through, and does not call it the link's", async () => {
    const edge = {
      ...fakeEdge({ session: null }),
      getSession: () => Promise.reject(new TypeError()),
    };
    await expect(comeByLink(SECRET, edge)).rejects.toThrow(TypeError);
  });
});
