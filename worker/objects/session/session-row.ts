import type { Session } from "../../../protocol/api.ts";
import { RFB_BASE_PORT, RFB_LAST_PORT } from "../../../protocol/ids.ts";
import { refuse } from "../../problem.ts";

export type NewSession = {
  session_id: string;
  host_id: string;
  port: number;
  label: string | null;
  /** Milliseconds since the epoch, as in every table. */
  created_at: number;
  expires_at: number;
};

/** A session without the URLs, which follow the request that asks. */
export type SessionState = Omit<Session, "websocket_url" | "view_url">;

/** The one row of a session's object. Times in ms since the epoch. */
export type SessionRow = {
  session_id: string;
  host_id: string;
  port: number;
  label: string | null;
  created_at: number;
  expires_at: number;
  ended_at: number | null;
  end_reason: string | null;
  version: number;
  indexed_version: number;
};

export const TIME_IS_OVER = "The session's time is over.";

export const SESSION_SCHEMA = `
  CREATE TABLE session (
    session_id TEXT NOT NULL, host_id TEXT NOT NULL, port INTEGER NOT NULL, label TEXT,
    created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    ended_at INTEGER, end_reason TEXT,
    version INTEGER NOT NULL DEFAULT 1, indexed_version INTEGER NOT NULL DEFAULT 0
  );
  CREATE TABLE streams (
    stream TEXT PRIMARY KEY, role TEXT NOT NULL, name TEXT NOT NULL, via TEXT NOT NULL, opened_at INTEGER NOT NULL
  );
`;

/** The display of a port, or null where the port is not one of a display. */
export function displayOf(port: number): number | null {
  return port >= RFB_BASE_PORT && port <= RFB_LAST_PORT ? port - RFB_BASE_PORT : null;
}

export function unknownSession() {
  return refuse(404, "no_such_session", "There is no such session.");
}

export function sessionEnded(row: SessionRow) {
  return refuse(410, "session_ended", row.end_reason ?? "The session has ended.");
}

export function credentialRevoked() {
  return refuse(401, "revoked", "This credential was revoked.");
}

export function viewUnavailable() {
  return refuse(
    403,
    "view_unavailable",
    "View-only is not offered yet: nothing would enforce it on the host. Ask for control.",
  );
}
