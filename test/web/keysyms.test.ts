import { describe, expect, it } from "vitest";
import { keysymOfCharacter, keysymOfNamedKey, typedBetween } from "../../web/viewer/keysyms.ts";

describe("what was typed between two contents of a field", () => {
  it("is what stands at the end now and did not before", () => {
    expect(typedBetween("__", "__ab")).toEqual({ backspaces: 0, typed: ["a", "b"] });
  });

  it("is a backspace for every character that is gone", () => {
    expect(typedBetween("__ab", "_")).toEqual({ backspaces: 3, typed: [] });
  });

  it("is a word taken back and another one typed when the keyboard corrects it", () => {
    expect(typedBetween("__teh", "__the ")).toEqual({ backspaces: 2, typed: ["h", "e", " "] });
  });

  it("counts a character outside the basic plane once", () => {
    expect(typedBetween("_🚢", "_⚓")).toEqual({ backspaces: 1, typed: ["⚓"] });
  });
});

describe("the keysym of a key", () => {
  it("is the character itself in Latin-1", () => {
    expect(keysymOfCharacter("a")).toBe(0x61);
    expect(keysymOfCharacter("ü")).toBe(0xfc);
  });

  it("is the code point plus 2^24 beyond it", () => {
    expect(keysymOfCharacter("€")).toBe(0x0100_20ac);
    expect(keysymOfCharacter("🚢")).toBe(0x0101_f6a2);
  });

  it("is Return for a line end and Tab for a tab", () => {
    expect(keysymOfCharacter("\n")).toBe(0xff0d);
    expect(keysymOfCharacter("\t")).toBe(0xff09);
  });

  it("is unknown for a key that types, which the text field reports itself", () => {
    expect(keysymOfNamedKey("a")).toBeNull();
    expect(keysymOfNamedKey("Unidentified")).toBeNull();
    expect(keysymOfNamedKey("constructor")).toBeNull();
    expect(keysymOfNamedKey("ArrowLeft")).toBe(0xff51);
  });
});
