import { expect, it } from "vitest";
import { MAX_CLIPBOARD_BYTES } from "../../protocol/limits.ts";
import { tooLongSentence } from "../../web/viewer/clipboard-limit.ts";

const ROOM = MAX_CLIPBOARD_BYTES - 1; // and its zero

it("a text that just passes is not refused", () => {
  expect(tooLongSentence("a".repeat(ROOM))).toBeNull();
  expect(tooLongSentence("")).toBeNull();
});

it("a text that is a byte too long is, with its size and the limit", () => {
  expect(tooLongSentence("a".repeat(ROOM + 1))).toBe(
    "This text has 257 KiB; 256 KiB can be sent at once. Send it in parts.",
  );
});

it("a text is measured as it is sent: in UTF-8, with CR LF", () => {
  expect(tooLongSentence("€".repeat(ROOM / 3 + 1))).not.toBeNull();
  expect(tooLongSentence("\n".repeat(ROOM / 2 + 1))).not.toBeNull();
  expect(tooLongSentence("\r\n".repeat(Math.floor(ROOM / 2)))).toBeNull();
});
