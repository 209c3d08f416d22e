import type { Readable } from "node:stream";
import { DESKTOP_LOG_HEAD_BYTES, DESKTOP_LOG_TAIL_BYTES } from "../../protocol/limits.ts";

/** A program that prints faster than this is made to wait, so that it does not take up the agent. */
const MAX_BYTES_PER_S = 1024 * 1024;

/** How much of the last line of a program is told when it ends; its beginning says most. */
const MAX_LINE_CHARACTERS = 300;
const MAX_LINE_BYTES = 4 * 1024;

/** What a desktop printed: its first bytes and its last ones, and how many are missing between. */
export class Output {
  #head = Buffer.alloc(0);
  #tail = Buffer.alloc(0);
  #leftOut = 0;

  /** Keeps what a program prints, until it closes its end. @returns its last line so far */
  follow(stream: Readable): () => string {
    let last = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      this.#add(chunk);
      last = Buffer.concat([last, chunk]).subarray(-MAX_LINE_BYTES);
      stream.pause();
      setTimeout(() => stream.resume(), (chunk.length / MAX_BYTES_PER_S) * 1000);
    });
    return () => toText(last).trim().split("\n").at(-1)?.slice(0, MAX_LINE_CHARACTERS) ?? "";
  }

  read(): { text: string; truncated: boolean } {
    const [head, tail] = [toText(this.#head), toText(this.#tail)];
    if (this.#leftOut === 0) return { text: head + tail, truncated: false };
    return { text: `${head}\n[${this.#leftOut} bytes are left out]\n${tail}`, truncated: true };
  }

  #add(chunk: Buffer): void {
    const room = DESKTOP_LOG_HEAD_BYTES - this.#head.length;
    if (room > 0) this.#head = Buffer.concat([this.#head, chunk.subarray(0, room)]);
    const tail = Buffer.concat([this.#tail, chunk.subarray(room)]);
    this.#leftOut += Math.max(0, tail.length - DESKTOP_LOG_TAIL_BYTES);
    this.#tail = Buffer.from(tail.subarray(-DESKTOP_LOG_TAIL_BYTES));
  }
}

/**
 * Text without control characters but line ends and tabs: what is left takes at most twice its bytes
 * as JSON, so that a whole log fits into one message.
 */
function toText(bytes: Buffer): string {
  return bytes
    .toString("utf8")
    .replaceAll("\ufffd", "?")
    .replace(/\r\n?/g, "\n")
    .replace(/[^\P{Cc}\n\t]/gu, "");
}
