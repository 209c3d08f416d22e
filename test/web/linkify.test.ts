import { describe, expect, it } from "vitest";
import { linkify } from "../../web/chat/linkify.ts";

/** The addresses that a text is given links for. */
function linksIn(text: string): string[] {
  return linkify(text).flatMap(({ href }) => href ?? []);
}

describe("links in a text", () => {
  it.each([
    ["see https://example.com/a?b=c#d now", "https://example.com/a?b=c#d"],
    ["http://127.0.0.1:8080/", "http://127.0.0.1:8080/"],
    ["Look at https://example.com/a.", "https://example.com/a"],
    ["(https://example.com/a)", "https://example.com/a"],
    ["https://example.com/Porthole_(window)", "https://example.com/Porthole_(window)"],
    ["(see https://example.com/a_(b)).", "https://example.com/a_(b)"],
    ["HTTPS://EXAMPLE.COM/", "https://example.com/"],
    ['"https://example.com/a"', "https://example.com/a"],
  ])("%s leads to %s", (text, link) => {
    expect(linksIn(text)).toEqual([link]);
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,https",
    "file:///etc/passwd",
    "example.com",
    "https://",
    "nothttps://example.com",
    "https://bank.example@elsewhere.example/",
    "https://user:secret@example.com/",
  ])("%s is none", (text) => {
    expect(linksIn(text)).toEqual([]);
  });

  it("leave the text as it is, letter for letter", () => {
    const texts = [
      "a https://b.example, c https://d.example!",
      "<img src=x onerror=alert(1)> https://a.example/<b>",
      "\n  two\nlines  ",
      "",
    ];
    for (const text of texts) {
      expect(
        linkify(text)
          .map((piece) => piece.text)
          .join(""),
      ).toBe(text);
    }
  });

  it("are found in a long text of almost nothing else, at once", () => {
    expect(linksIn(`https://a.example/${")".repeat(3_900)}`)).toEqual(["https://a.example/"]);
  });
});
