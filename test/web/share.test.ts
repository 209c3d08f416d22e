import { describe, expect, it } from "vitest";
import type { SeenSession } from "../../protocol/api.ts";
import { ApiError } from "../../web/api.ts";
import { actionForGuest } from "../../web/viewer/reasons.ts";
import {
  endOfLink,
  ROLES,
  roleSentence,
  sessionEndsFirst,
  usesSentence,
} from "../../web/viewer/share-wishes.ts";
import { foundAfter, foundIn } from "../../web/viewer/standing.ts";

const SESSION = { session_id: "s", expires_at: "2026-11-22T18:00:00Z" } as SeenSession;

describe("who looks", () => {
  const refusal = (status: number, code: string | null = null) => new ApiError(status, "No.", code);

  it.each([
    ["admin", "operator"],
    ["operator", "operator"],
    ["viewer", "person"],
    ["guest", "guest"],
  ] as const)("is to the page, if the edge says %s, a %s", (standing, expected) => {
    expect(foundIn({ ...SESSION, standing }).standing).toBe(expected);
  });

  it("is a guest if the edge says that their link is over", () => {
    expect(foundAfter(refusal(401, "link_over"), null).standing).toBe("guest");
  });

  it("is not known to an edge that does not answer, or knows nobody", () => {
    expect(foundAfter(refusal(401, "not_signed_in"), null).standing).toBe("unknown");
    expect(foundAfter(refusal(0), null).standing).toBe("unknown");
  });

  it("is still known when the edge does not answer later", () => {
    const found = foundIn({ ...SESSION, standing: "operator" });
    expect(foundAfter(refusal(0), found)).toBe(found);
  });
});

describe("the end of a guest's visit", () => {
  it("offers no way that needs more than the link", () => {
    expect(actionForGuest("sign-in")).toBe("new-link");
    expect(actionForGuest("new-link")).toBe("new-link");
    expect(actionForGuest("overview")).toBeNull();
    expect(actionForGuest("open-again")).toBeNull();
    expect(actionForGuest("dial-again")).toBe("dial-again");
  });
});

describe("a share link", () => {
  it("lets people watch before anybody chose more, and says what each choice means", () => {
    expect(ROLES[0]?.value).toBe("view");
    expect(roleSentence("view", "shared")).toContain("does not reach it");
    expect(roleSentence("control", "shared")).toContain("types and clicks");
    expect(roleSentence("control", "exclusive")).toContain("their turn");
  });

  it.each([
    [0, 1, "used 0 of 1"],
    [3, 5, "used 3 of 5"],
    [0, null, "not used yet"],
    [1, null, "used once"],
    [2, null, "used 2 times"],
  ])("%d uses of %s", (uses, max_uses, sentence) => {
    expect(usesSentence({ uses, max_uses })).toBe(sentence);
  });

  it("ends with its session if that ends first", () => {
    const before = "2026-11-22T17:00:00.500Z";
    expect(endOfLink({ expires_at: before }, SESSION)).toBe(before);
    expect(endOfLink({ expires_at: "2026-11-23T17:00:00Z" }, SESSION)).toBe(SESSION.expires_at);
  });

  it("is told to end with the session before it is made", () => {
    const now = Date.parse("2026-11-22T17:00:00Z");
    expect(sessionEndsFirst(SESSION, 3600, now)).toBe(false);
    expect(sessionEndsFirst(SESSION, 3601, now)).toBe(true);
  });
});
