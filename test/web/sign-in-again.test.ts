import { afterEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../web/call.ts";
import { explainOrSignIn } from "../../web/sign-in-again.ts";

/** Stands in for the parts of a browser that change its address, which Node has not. @returns where the page went */
function openPage(path: string): string[] {
  const went: string[] = [];
  const location = { pathname: path };
  const go = (_state: unknown, _title: string, url: string) => {
    went.push(url);
    location.pathname = new URL(url, "http://edge").pathname;
  };
  vi.stubGlobal("location", location);
  vi.stubGlobal("history", { pushState: go, replaceState: go });
  vi.stubGlobal("dispatchEvent", () => true);
  vi.stubGlobal("PopStateEvent", class {});
  vi.stubGlobal("scrollTo", () => {});
  return went;
}

afterEach(() => vi.unstubAllGlobals());

describe("whoever is not signed in", () => {
  it("is led to the sign-in and back here, also where two calls fail at once", () => {
    const went = openPage("/inbox/abc");
    const notSignedIn = new ApiError(401, "Sign in first.", "not_signed_in");
    expect([explainOrSignIn(notSignedIn), explainOrSignIn(notSignedIn)]).toEqual([null, null]);
    expect(went).toEqual(["/sign-in?next=%2Finbox%2Fabc"]);
  });

  it("stays where they are with any other failure, and is told of it", () => {
    const went = openPage("/inbox/abc");
    expect(explainOrSignIn(new ApiError(503, "Not now."))).toBe("Not now.");
    expect(went).toEqual([]);
  });
});
