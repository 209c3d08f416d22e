import { chatRoom, type Env, vncHost } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import type { StreamRole } from "../host/asked-streams.ts";
import { OneRun } from "../one-run.ts";
import type { Control, ControlState } from "./control.ts";
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
  readonly #telling = new OneRun();

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
    return this.#telling.all(() => this.#tellNext(session));
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

  #tellNext(session: Steered): Promise<void> | null {
    const roles = this.#streams.untold();
    if (roles.length > 0 && session.host_id !== null) {
      return this.#tellHost(session.host_id, roles);
    }
    const state = this.#control.untold();
    return state && this.#tellRoom(session.session_id, state);
  }

  async #tellHost(hostId: string, roles: readonly StreamRole[]): Promise<void> {
    await vncHost(this.#env, hostId).setRoles(roles);
    this.#streams.markTold(roles);
  }

  async #tellRoom(sessionId: string, state: ControlState): Promise<void> {
    await chatRoom(this.#env, `session:${sessionId}`).tellControl(state);
    this.#control.markTold(state);
  }
}

/** Where who may control it is told. A job without a host has no streams. */
type Steered = { session_id: string; host_id: string | null };
