import type { CloseCode } from "../../../protocol/close-codes.ts";
import { type Env, vncSession } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { AskedStreams, OverStream } from "./asked-streams.ts";
import type { HostRecord } from "./host-record.ts";

/**
 * Tells sessions which of their streams are over. A session that was not told counts the stream on,
 * and may leave control with it, so what could not be told is told again.
 */
export class StreamNews {
  readonly #env: Env;
  readonly #asked: AskedStreams;
  readonly #record: HostRecord;
  readonly #telling = new Set<string>();

  constructor(env: Env, asked: AskedStreams, record: HostRecord) {
    this.#env = env;
    this.#asked = asked;
    this.#record = record;
  }

  isPending(): boolean {
    return this.#untold().length > 0;
  }

  /** Tells what there is. @throws {Error} if one could not be told; it stays to be */
  async deliver(): Promise<void> {
    const told = await Promise.all(this.#untold().map((stream) => this.tell(stream)));
    if (told.includes(false)) throw new Error("not all streams that are over could be told");
  }

  /** Tells one, and forgets the stream. @returns false if that could not be done now */
  async tell(over: OverStream): Promise<boolean> {
    const { stream, session } = over;
    if (this.#telling.has(stream)) return true; // whoever does answers for it
    this.#telling.add(stream);
    try {
      await this.#tell(over);
      if (this.#record.exists) this.#asked.forget(stream);
      return true;
    } catch (error) {
      log("stream.tell_failed", { stream, session, error: describeError(error) });
      return false;
    } finally {
      this.#telling.delete(stream);
    }
  }

  async #tell({ stream, session, over_code, over }: OverStream): Promise<void> {
    const target = vncSession(this.#env, session);
    if (over_code === null) return target.streamClosed(stream, over);
    // Of one that was served already it says too late that it failed: then that one is over.
    const waited = await target.streamFailed(stream, over_code as CloseCode, over);
    if (!waited) await target.streamClosed(stream, over);
  }

  /** Those that the next `hello` of the agent has to repeat stay noted, and are not told again. */
  #untold(): OverStream[] {
    return this.#record.exists ? this.#asked.over(Date.now() - GIVE_UP_MS) : [];
  }
}

/** For how long it is tried again. */
const GIVE_UP_MS = 60 * 60_000;
