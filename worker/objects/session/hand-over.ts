import { chatRoom, type Env, vncHost } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { Control } from "./control.ts";
import type { OpenStreams } from "./open-streams.ts";

/**
 * Tells what Control decided: the roles of streams to the host, which tells its agent, then who
 * controls to the room. What was told is stored, so that after a failure, or a restart of this
 * object, the rest is told.
 */
export class HandOver {
  readonly #env: Env;
  readonly #streams: OpenStreams;
  readonly #control: Control;
  /** One at a time: a stream that loses control is told before another hears that it has it. */
  #running: Promise<void> | null = null;

  constructor(env: Env, streams: OpenStreams, control: Control) {
    this.#env = env;
    this.#streams = streams;
    this.#control = control;
  }

  /**
   * Tells all that is untold, also what is decided meanwhile.
   * @throws {Error} if the host or the room cannot be reached; what they were not told stays
   */
  deliver(session: Steered): Promise<void> {
    this.#running ??= this.#tellAll(session);
    return this.#running;
  }

  /** Whether something was decided since, which nobody was told. */
  isPending(): boolean {
    return this.#streams.untold().length > 0 || this.#control.untold() !== null;
  }

  /** Tells all that is untold. @returns false if the host or the room could not be reached */
  async isTold(session: Steered): Promise<boolean> {
    try {
      await this.deliver(session);
      return true;
    } catch (error) {
      log("session.hand_over_failed", {
        session: session.session_id,
        error: describeError(error),
      });
      return false;
    }
  }

  async #tellAll(session: Steered): Promise<void> {
    await null; // so that #running is set before this can end
    try {
      for (;;) {
        const roles = this.#streams.untold();
        if (roles.length > 0 && session.host_id !== null) {
          await vncHost(this.#env, session.host_id).setRoles(roles);
          this.#streams.markTold(roles);
          continue;
        }
        const state = this.#control.untold();
        if (!state) return;
        await chatRoom(this.#env, `session:${session.session_id}`).tellControl(state);
        this.#control.markTold(state);
      }
    } finally {
      // In the same turn as the last look: whoever decides something after it starts anew.
      this.#running = null;
    }
  }
}

/** Where who may control it is told. A job without a host has no streams. */
type Steered = { session_id: string; host_id: string | null };
