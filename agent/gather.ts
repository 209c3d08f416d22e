/** A server is in bulk when it sends this much within {@link WINDOW_MS}: about 64 MB/s. */
const BULK_BYTES = 64 * 1024;
const WINDOW_MS = 1;

/** A read of this size says that more is waiting; a smaller one has emptied the kernel's buffer. */
const LARGE_READ_BYTES = 24 * 1024;

/** How long reading rests; a timer does not wait less. */
const REST_MS = 1;

/**
 * Lets the small pieces of a server in bulk gather in the kernel: read one by one, each costs three
 * processes a turn. What is slower than about 64 MB/s, every desktop over the internet, never waits.
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
