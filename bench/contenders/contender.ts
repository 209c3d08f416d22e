import type { Security } from "../rfb.ts";

/** One way from a viewer to a VNC server. */
export type Contender = {
  id: ContenderId;
  /** Which of the load server's two ports it leads to, and so the security type of the handshake. */
  security: Security;
  /** The processes that carry its bytes, by their roots: everything below them counts too. */
  roots: readonly number[];
  /** An address that a viewer may dial once. Making it is no part of what is measured. */
  address(): Promise<string>;
  /** Ends its processes. */
  stop(): Promise<void>;
};

/** In the order of the table's columns. */
export const CONTENDER_IDS = [
  "porthole",
  "porthole_ungated",
  "websockify_ssh",
  "websockify",
] as const;
export type ContenderId = (typeof CONTENDER_IDS)[number];

/** A value of each contender. */
export type PerContender<Value> = Record<ContenderId, Value>;

/** @param make what the value of a contender is */
export function perContender<Value>(make: (id: ContenderId) => Value): PerContender<Value> {
  return {
    porthole: make("porthole"),
    porthole_ungated: make("porthole_ungated"),
    websockify_ssh: make("websockify_ssh"),
    websockify: make("websockify"),
  };
}
