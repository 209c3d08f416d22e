import type { EndAction } from "./reasons.ts";

export type CredentialField = "username" | "password" | "target";
export type Credentials = Partial<Record<CredentialField, string>>;

/** How the desktop of a job stands before it can be seen. */
export type Preparing = "queued" | "starting";

/** There is no ticket to ask for yet; its message says why. */
export class NotReadyError extends Error {
  readonly status: Preparing;
  constructor(status: Preparing, reason: string) {
    super(reason);
    this.name = "NotReadyError";
    this.status = status;
  }
}

export type ViewerState =
  | { kind: "connecting" }
  | { kind: "connected" }
  /** The desktop of a job is not there yet. Nothing is wrong. */
  | { kind: "preparing"; status: Preparing; reason: string }
  /** `keeps`: a password was typed that is sent then. */
  | { kind: "waiting"; reason: string; retryAt: number; keeps?: boolean }
  | { kind: "reconnecting"; reason: string }
  /** The VNC server wants to know who is there. `refusal` says why it asks again. */
  | { kind: "credentials"; fields: readonly CredentialField[]; refusal: string | null }
  /** The VNC server shows a key that a person should compare. */
  | { kind: "verifying"; fingerprint: string }
  | { kind: "ended"; reason: string; action: EndAction };

/** What a stream tells, in the order of its life. */
export type StreamEvents = {
  opened(): void;
  /** A WebSocket message of any length came. */
  heard(): void;
  identityShown(fingerprint: string): void;
  credentialsRequired(fields: readonly CredentialField[]): void;
  /** The VNC server ended the handshake, in its own words if it gave any. */
  refused(reason: string | null): void;
  /** The handshake is done; pictures follow. */
  connected(): void;
  closed(code: number, reason: string): void;
  /** noVNC gave up on what it received. */
  broken(): void;
};

export type Stream = {
  hangUp(): void;
  sendCredentials(credentials: Credentials): void;
  approveServer(): void;
};
