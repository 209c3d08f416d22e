import { describe, expect, it } from "vitest";

type Read = (
  stream: ReadableStream | null,
  maxBytes: number,
  signal: AbortSignal,
) => Promise<string | null>;
// Named by a variable: the Worker's own types are not those of this project.
const file = new URL("../../worker/read-bounded.ts", import.meta.url).pathname;
const { readBounded } = (await import(file)) as { readBounded: Read };

const never = () => new AbortController().signal;

/** A stream of these pieces; it tells when its reader has given it up. */
function streamOf(pieces: (string | Uint8Array)[], ends = true) {
  const left = pieces.map((piece) =>
    typeof piece === "string" ? new TextEncoder().encode(piece) : piece,
  );
  const source = { stream: null as unknown as ReadableStream<Uint8Array>, isCancelled: false };
  source.stream = new ReadableStream({
    pull(controller) {
      const next = left.shift();
      if (next) controller.enqueue(next);
      else if (ends) controller.close();
      else return new Promise(() => undefined);
      return undefined;
    },
    cancel() {
      source.isCancelled = true;
    },
  });
  return source;
}

describe("what is read up to a limit", () => {
  it("is whole at the limit, and nothing where one byte more comes", async () => {
    expect(await readBounded(streamOf(["abc", "def"]).stream, 6, never())).toBe("abcdef");
    const larger = streamOf(["abc", "defg"], false);
    expect(await readBounded(larger.stream, 6, never())).toBeNull();
    expect(larger.isCancelled).toBe(true);
  });

  it("counts bytes, and joins a character that comes in two pieces", async () => {
    const [first, ...rest] = new TextEncoder().encode("€");
    const pieces = [new Uint8Array([first ?? 0]), new Uint8Array(rest)];
    expect(await readBounded(streamOf(pieces).stream, 3, never())).toBe("€");
    expect(await readBounded(streamOf(["€"]).stream, 2, never())).toBeNull();
  });

  it("is the empty text where there is no body", async () => {
    expect(await readBounded(null, 0, never())).toBe("");
  });

  it("is given up for the signal's reason, before it and while waiting", async () => {
    const gone = AbortSignal.abort(new Error("too late"));
    await expect(readBounded(streamOf(["abc"]).stream, 6, gone)).rejects.toThrow("too late");
    const stopping = new AbortController();
    const endless = streamOf(["abc"], false);
    const reading = readBounded(endless.stream, 6, stopping.signal);
    stopping.abort(new Error("enough"));
    await expect(reading).rejects.toThrow("enough");
    expect(endless.isCancelled).toBe(true);
  });
});
