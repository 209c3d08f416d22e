import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { Id } from "../../protocol/ids.ts";
import { EndCause } from "../../protocol/link.ts";

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

/** How a desktop ended, of which nothing is left. */
const EndRecord = v.object({ session: Id, cause: EndCause, reason: v.string() });
export type EndRecord = v.InferOutput<typeof EndRecord>;

/** Beside the other file: an agent of before does not know it, and need not. */
const FILE_NAME = "desktops.json";
const ENDED_FILE_NAME = "ended-desktops.json";

/**
 * The desktops that an agent has, and those that it had last, on disk, for the one that comes after
 * it: that ends the first, and starts none of them again.
 */
export class Records {
  readonly #file: string;
  readonly #endedFile: string;

  constructor(stateDir: string) {
    this.#file = join(stateDir, FILE_NAME);
    this.#endedFile = join(stateDir, ENDED_FILE_NAME);
  }

  /**
   * What the last agent did not end.
   * @throws {Error} with a sentence if the file is there and cannot be used
   */
  read(): Record[] {
    return readList(this.#file, Record, "end what may still run of them, then delete it.");
  }

  /**
   * What ended before, the oldest first.
   * @throws {Error} with a sentence if the file is there and cannot be used
   */
  readEnded(): EndRecord[] {
    return readList(this.#endedFile, EndRecord, "delete it if it may be forgotten what ended.");
  }

  write(records: readonly Record[]): void {
    writeWhole(this.#file, records);
  }

  writeEnded(ended: readonly EndRecord[]): void {
    writeWhole(this.#endedFile, ended);
  }
}

function readList<Schema extends v.GenericSchema>(
  file: string,
  schema: Schema,
  whatToDo: string,
): v.InferOutput<Schema>[] {
  try {
    return v.parse(v.array(schema), JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    const why = (error as Error).message;
    throw new Error(`The list of desktops in ${file} cannot be read (${why}); ${whatToDo}`);
  }
}

/** Writes the file whole or not at all. */
function writeWhole(file: string, list: readonly object[]): void {
  writeFileSync(`${file}.new`, JSON.stringify(list), { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
