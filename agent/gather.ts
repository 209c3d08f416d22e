/** A server is in bulk when it sends this much within {@link WINDOW_MS}. */
const BULK_BYTES = 64 * 1024;
const WINDOW_MS = 1;

/** After a read of less it does not pay to read on: the kernel's buffer is empty. */
const LARGE_READ_BYTES = 24 * 1024;

/** How long reading rests; a timer does not wait less. */
const REST_MS = 1;

/**
 * Lets the small pieces of a server in bulk gather in the kernel: read one by one, each costs three
 * processes a turn. It rests after what was read is on its way, so an update waits for nothing but,
 * if it comes right behind a large one, the rest of a millisecond.
 */
export class Gather {
  #windowStart = 0;
  #bytes = 0;
  #resting = false;

  get resting(): boolean {
    return this.#resting;
  }

  /** Notes a read. @returns whether reading should rest now */
  wants(bytes: number, now: number = performance.now()): boolean {
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now;
      this.#bytes = 0;
    }
    this.#bytes += bytes;
    return this.#bytes >= BULK_BYTES && bytes < LARGE_READ_BYTES;
  }

  /** Rests, then calls `over`. */
  rest(over: () => void): void {
    this.#resting = true;
    setTimeout(() => {
      this.#resting = false;
      over();
    }, REST_MS);
  }
}
