import { describe, expect, it } from "vitest";
import { safeNextPath, signInPath } from "../../web/next-path.ts";

describe("the path to go to after signing in", () => {
  it("is followed when it is one of ours", () => {
    expect(safeNextPath("/view/abc_job_0")).toBe("/view/abc_job_0");
    expect(safeNextPath("/view/a?b=c#d")).toBe("/view/a?b=c#d");
  });

  it("is the overview when there is none", () => {
    expect(safeNextPath(null)).toBe("/");
    expect(safeNextPath("")).toBe("/");
  });

  it.each([
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/view/\\evil",
    "/\t/evil.example",
    "/\n/evil.example",
    "/\u0000/evil.example",
    "/\x7f",
    "https://evil.example/",
    "javascript:alert(1)",
    "view/abc",
    " /view/abc",
  ])("is the overview for %j, which leads elsewhere", (next) => {
    expect(safeNextPath(next)).toBe("/");
  });

  it("survives the way through the sign-in page's address", () => {
    const address = new URL(signInPath("/view/a_b-c"), "https://porthole.example");
    expect(address.pathname).toBe("/sign-in");
    expect(safeNextPath(address.searchParams.get("next"))).toBe("/view/a_b-c");
  });

  it("is not named when it is the overview", () => {
    expect(signInPath("/")).toBe("/sign-in");
  });
});
