import type { Address, Dialect } from "../wire.ts";

export type ChatContenderId = "porthole" | "socketio" | "demo" | "demo_stored";

/** Something that keeps a chat. */
export type ChatContender = {
  id: ChatContenderId;
  dialect: Dialect;
  /** Its processes, by their roots: everything below them counts too. */
  roots: readonly number[];
  /**
   * Makes a room that nobody has been in, for so many members.
   * @returns where each of them dials; making it is no part of what is measured
   */
  room(members: number): Promise<Address[]>;
  /** Ends its processes. */
  stop(): Promise<void>;
};
