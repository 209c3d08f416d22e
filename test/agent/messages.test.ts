import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { describeIssues } from "../../protocol/messages.ts";

const Order = v.strictObject({
  name: v.pipe(v.string(), v.minLength(2), v.maxLength(4)),
  count: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(9)), 1),
  size: v.optional(v.picklist(["small", "large"]), "small"),
  tags: v.optional(v.pipe(v.array(v.object({ text: v.string() })), v.maxLength(1)), []),
  site: v.optional(v.pipe(v.string(), v.url()), "https://a.example"),
  colour: v.optional(v.pipe(v.string(), v.regex(/^#/, "is no colour")), "#fff"),
  lines: v.optional(v.record(v.string(), v.boolean()), {}),
});

const said = (order: unknown): string => {
  const parsed = v.safeParse(Order, order);
  return parsed.success ? "fine" : describeIssues(parsed.issues);
};

describe("what a schema finds wrong", () => {
  it.each([
    [{ name: "ab", x: 1 }, 'unknown field "x"'],
    [{}, '"name" is missing'],
    [7, "must be an object"],
    [{ name: 7 }, "name: must be a string"],
    [{ name: undefined }, "name: must be a string"],
    [{ name: "a" }, "name: must have at least 2 characters"],
    [{ name: "abcde" }, "name: must have at most 4 characters"],
    [{ name: "ab", count: "1" }, "count: must be a number"],
    [{ name: "ab", count: 1.5 }, "count: must be a whole number"],
    [{ name: "ab", count: 0 }, "count: must be at least 1"],
    [{ name: "ab", count: 10 }, "count: must be at most 9"],
    [{ name: "ab", size: "huge" }, 'size: must be one of "small", "large"'],
    [{ name: "ab", tags: {} }, "tags: must be a list"],
    [{ name: "ab", tags: [{}] }, '"tags.0.text" is missing'],
    [{ name: "ab", tags: [{ text: "" }, { text: "" }] }, "tags: must have at most 1 entries"],
    [{ name: "ab", site: "here" }, "site: must be a URL"],
    [{ name: "ab", colour: "red" }, "colour: is no colour"],
    [{ name: "ab", lines: { one: 1 } }, "lines.one: must be true or false"],
  ])("of %j is said as a person would: %s", (order, sentence) => {
    expect(said(order)).toBe(sentence);
  });

  it("never repeats what was sent, which can be a password", () => {
    for (const field of ["name", "count", "size", "tags", "site", "colour", "lines", "geheim"]) {
      expect(said({ name: "ab", [field]: "geheim-1" })).not.toContain("geheim-1");
    }
  });
});
