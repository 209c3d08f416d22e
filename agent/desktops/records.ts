import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { Id } from "../../protocol/ids.ts";

/** What it takes to find all that belongs to a desktop, written down before any of it is there. */
const Record = v.object({
  session: Id,
  port: v.pipe(v.number(), v.integer()),
  mark: v.string(),
  uid: v.nullable(v.number()),
  /** Where its programs live, and nobody else's. */
  folder: v.string(),
});
export type Record = v.InferOutput<typeof Record>;

const FILE_NAME = "desktops.json";

/** The desktops that an agent has, on disk, for the one that comes after it. */
export class Records {
  readonly #file: string;

  constructor(stateDir: string) {
    this.#file = join(stateDir, FILE_NAME);
  }

  /**
   * What the last agent did not end.
   * @throws {Error} with a sentence if the file is there and cannot be used
   */
  read(): Record[] {
    try {
      return v.parse(v.array(Record), JSON.parse(readFileSync(this.#file, "utf8")));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw new Error(
        `The list of desktops in ${this.#file} cannot be read (${(error as Error).message}); ` +
          "end what may still run of them, then delete it.",
      );
    }
  }

  /** Writes the file whole or not at all. */
  write(records: readonly Record[]): void {
    writeFileSync(`${this.#file}.new`, JSON.stringify(records), { mode: 0o600 });
    renameSync(`${this.#file}.new`, this.#file);
  }
}
