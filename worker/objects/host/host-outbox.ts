import { type Env, registry } from "../../env.ts";
import { describeError, log } from "../../log.ts";
import { AuditOutbox } from "../audit-outbox.ts";
import { OneRun } from "../one-run.ts";
import { oneRow } from "../storage.ts";
import type { CurrentState } from "./host-state.ts";

/**
 * What a host has to tell the registry: how it is, for what is asked of all hosts, and what
 * happened, for the audit. What was told is kept, so what is to be told is whatever differs from
 * it: no change has to be noted where it is made, and many at once are told as one.
 */
export class HostOutbox extends AuditOutbox {
  readonly #sql: SqlStorage;
  readonly #env: Env;
  readonly #state: () => CurrentState | null;
  /** One at a time, so that the newest is told last. */
  readonly #telling = new OneRun();
  /** When the state was told lately, in ms since the epoch. */
  #tellings: number[] = [];

  /** @param state how the host is now; null when it was removed */
  constructor(sql: SqlStorage, env: Env, state: () => CurrentState | null) {
    super(sql, env);
    this.#sql = sql;
    this.#env = env;
    this.#state = state;
  }

  /**
   * Delivers what there is, also what comes to be meanwhile. An agent that says something new
   * without end is told of less often: then something stays to be delivered later.
   * @throws {Error} if the registry cannot be reached; what it did not get stays
   */
  deliver({ host_id }: { host_id: string }): Promise<void> {
    return this.#telling.all(() => this.#tellNext(host_id));
  }

  #tellNext(hostId: string): Promise<void> | null {
    const state = this.#state();
    if (!state) return null;
    if (!this.#isTold(state) && !this.#isTooOften()) return this.#tellState(state);
    return this.hasLines() ? this.deliverLines(hostId) : null;
  }

  async #tellState(state: CurrentState): Promise<void> {
    const query = "UPDATE told_state SET version = version + 1 RETURNING version";
    const { version } = this.#sql.exec<{ version: number }>(query).one();
    await registry(this.#env).hostStates.put({ ...state, version });
    if (this.#state() === null) return; // removed meanwhile
    this.#sql.exec("UPDATE told_state SET document = ?", comparable(state));
  }

  /** Delivers what happened before the host was removed, if that can be; it is not tried again. */
  async deliverLast(hostId: string): Promise<void> {
    try {
      await this.deliverLines(hostId);
    } catch (error) {
      log("host.deliver_failed", { host: hostId, error: describeError(error) });
    }
  }

  #isTooOften(): boolean {
    const now = Date.now();
    this.#tellings = this.#tellings.filter((at) => now - at < TELLINGS_WINDOW_MS);
    if (this.#tellings.length >= MAX_TELLINGS) return true;
    this.#tellings.push(now);
    return false;
  }

  /** An agent that dials again and again does not fill the audit. */
  recordLink(hostId: string, line: { address?: string; action: string; detail: string }): void {
    this.recordBounded("link", MAX_LINK_LINES, { actor: `host:${hostId}`, ...line });
  }

  /** Whether there is something that the registry does not know. */
  isPending(): boolean {
    const state = this.#state();
    return state !== null && (!this.#isTold(state) || this.hasLines());
  }

  #isTold(state: CurrentState): boolean {
    const told = oneRow(this.#sql.exec<{ document: string }>("SELECT document FROM told_state"));
    return told?.document === comparable(state);
  }
}

/** Of an agent's comings and goings together so many lines in ten minutes are in the audit. */
const MAX_LINK_LINES = 20;

/** So often in that time a host's state is told at most: all who watch hear of each. */
const MAX_TELLINGS = 50;
const TELLINGS_WINDOW_MS = 10_000;

/** A state as text, without what changes with each ping. */
function comparable(state: CurrentState): string {
  return JSON.stringify({ ...state, silent_at: null });
}

/** Also for hosts that were made without: they are told of as soon as something happens. */
export const TOLD_STATE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS told_state (version INTEGER NOT NULL, document TEXT NOT NULL);
  INSERT INTO told_state (version, document) SELECT 0, '' WHERE NOT EXISTS (SELECT 1 FROM told_state);
`;
