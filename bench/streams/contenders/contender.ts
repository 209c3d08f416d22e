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

export type ContenderId = "porthole" | "porthole_ungated" | "websockify_ssh" | "websockify";
