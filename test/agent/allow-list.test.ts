import { describe, expect, it } from "vitest";
import { defaultAllowList, isAllowed, parseAllowedTarget } from "../../agent/allow-list.ts";

describe("an allow-list", () => {
  it.each([
    ["127.0.0.1:5900-5999", { address: "127.0.0.1", firstPort: 5900, lastPort: 5999 }],
    ["192.168.4.2:5901", { address: "192.168.4.2", firstPort: 5901, lastPort: 5901 }],
    ["[FD00::0:2]:5900", { address: "fd00::2", firstPort: 5900, lastPort: 5900 }],
    ["[::1]:5900", { address: "::1", firstPort: 5900, lastPort: 5900 }],
  ])("reads %s", (text, target) => {
    expect(parseAllowedTarget(text)).toEqual(target);
  });

  it.each([
    "",
    "127.0.0.1",
    "5900",
    "localhost:5900",
    "evil.example:5900",
    "127.0.0.1:0",
    "127.0.0.1:5999-5900",
    "127.0.0.1:70000",
    "127.0.0.1:5900-",
    "999.0.0.1:5900",
    "127.0.0.1:5900 ",
  ])("refuses %j with a sentence that shows how to write it", (text) => {
    expect(() => parseAllowedTarget(text)).toThrow(/as in 127\.0\.0\.1:5900-5999/);
  });

  it("allows what is in it and nothing beside it", () => {
    const list = [parseAllowedTarget("127.0.0.1:5900-5901")];
    expect(isAllowed(list, "127.0.0.1", 5900)).toBe(true);
    expect(isAllowed(list, "127.0.0.1", 5901)).toBe(true);
    expect(isAllowed(list, "127.0.0.1", 5899)).toBe(false);
    expect(isAllowed(list, "127.0.0.1", 5902)).toBe(false);
    expect(isAllowed(list, "127.0.0.2", 5900)).toBe(false);
    expect(isAllowed(list, "localhost", 5900)).toBe(false);
    expect(isAllowed([], "127.0.0.1", 5900)).toBe(false);
  });

  it("is by default the displays of this machine only", () => {
    const list = defaultAllowList();
    expect(isAllowed(list, "127.0.0.1", 5900)).toBe(true);
    expect(isAllowed(list, "127.0.0.1", 5999)).toBe(true);
    expect(isAllowed(list, "127.0.0.1", 22)).toBe(false);
    expect(isAllowed(list, "203.0.113.9", 5900)).toBe(false);
  });
});
