import * as v from "valibot";
import { describe, expect, it } from "vitest";
import { OpenSupport } from "../../protocol/chat.ts";
import { namesOf } from "../../web/chat/names.ts";

const people = (...names: string[]) =>
  names.map((name, index) => ({ id: `id-${index}`, name, role: "viewer" as const }));

const shown = (...names: string[]) => [...namesOf(people(...names)).values()];

const taken = (name: string) => {
  const parsed = v.safeParse(OpenSupport, { name });
  return parsed.success ? parsed.output.name : null;
};

describe("people of a chat", () => {
  it("are called by their names, which may be of any script", () => {
    const names = ["Ann", "山田太郎", "مریم", "می\u200cخواهم", "👩\u200d🚀", "O’Hara-Smith 2"];
    expect(shown(...names)).toEqual(names);
  });

  it("that look alike are told apart by a number, by whatever their names differ", () => {
    for (const other of [
      "Olga",
      "Olga\u200b",
      "\u202eOlga",
      "Ol\u200dga",
      "Ｏlga",
      "olga",
      " Olga",
    ]) {
      const [first, second] = shown("Olga", other);
      expect(first).toMatch(/^Olga #\d{3}$/);
      expect(second).toMatch(/^\S+ #\d{3}$/u);
      expect(first).not.toBe(second);
    }
  });

  it("turn around nothing beside their name, and cannot be called nothing", () => {
    expect(shown("\u202eevil", "\u2066a\u2069b")).toEqual(["evil", "ab"]);
    expect(shown("\u200b\u3164")).toEqual(["Nameless"]);
  });
});

describe("the name of a support room's guest", () => {
  it("is what can be seen of it", () => {
    expect(taken(" \u202eGina\u200b\n")).toBe("Gina");
    expect(taken("Gina \ud800")).toBe("Gina \ufffd");
    for (const nothing of ["", " ", "\u200b", "\u200d\u200c", "\u3164\u2800", "\u0301"]) {
      expect(taken(nothing)).toBeNull();
    }
  });
});
