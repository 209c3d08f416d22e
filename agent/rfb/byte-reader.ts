/** Reads exact lengths from bytes that come in pieces of any size. One read at a time. */
export class ByteReader {
  #buffer: Buffer = Buffer.alloc(0);
  #wanted: { bytes: number; resolve(read: Buffer): void; reject(error: Error): void } | null = null;
  #over: Error | null = null;

  /** How many bytes came and were not read yet. */
  get buffered(): number {
    return this.#buffer.length;
  }

  /** Takes a copy: whoever read the chunk may read into it again. */
  push(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    this.#serve();
  }

  /** Nothing more comes. What is there can still be read; a read beyond it is rejected so. */
  end(error: Error): void {
    this.#over ??= error;
    this.#serve();
  }

  /** @throws {Error} what `end` was given, if that many bytes never came */
  read(bytes: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#wanted = { bytes, resolve, reject };
      this.#serve();
    });
  }

  /** Takes what came and was not read. */
  rest(): Buffer {
    const rest = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    return rest;
  }

  #serve(): void {
    const wanted = this.#wanted;
    if (!wanted) return;
    if (this.#buffer.length >= wanted.bytes) {
      this.#wanted = null;
      const read = this.#buffer.subarray(0, wanted.bytes);
      this.#buffer = this.#buffer.subarray(wanted.bytes);
      wanted.resolve(read);
    } else if (this.#over) {
      this.#wanted = null;
      wanted.reject(this.#over);
    }
  }
}
