import type { Session } from "../../../protocol/api.ts";
import { RFB_BASE_PORT, RFB_LAST_PORT } from "../../../protocol/ids.ts";
import type { Clipboard, ControlMode } from "../../../protocol/link.ts";
import { type Refusal, refuse } from "../../problem.ts";
import { rfc3339 } from "../storage.ts";
import type { StoredState } from "./stored-state.ts";

export type NewSession = {
  session_id: string;
  host_id: string;
  port: number;
  /**
   * Which of the host's own addresses to dial; loopback if there is none. Only a hosting panel says
   * one, never who calls the API.
   */
  address?: string | null;
  label: string | null;
  control: ControlMode;
  clipboard: Clipboard;
  /** The VNC server's. Only the agent is told. */
  password: string | null;
  /** So long after its last viewer left it ends; null if it does not. */
  idle_seconds: number | null;
  /** Milliseconds since the epoch, as in every table. */
  created_at: number;
  expires_at: number;
};

/** What a hosting panel decides of a session. */
export type PanelTarget = Pick<NewSession, "port" | "password" | "expires_at"> & {
  address: string;
};

/** A session without the URLs, which follow the request that asks. */
export type SessionState = Omit<Session, "websocket_url" | "view_url">;

/** What a session knows of itself without asking its host. */
export type StoredSession = Omit<SessionState, "status" | "viewers"> & {
  state: StoredState;
  /** Which of the host's own addresses it dials; null is loopback. The API does not show it. */
  address: string | null;
};

/** What a host says of a session: why it shows no picture now, if so, and how many see it. */
export type Sight = { online: boolean; reason: string | null; viewers: number };

/** The one row of a session's object. Times in ms since the epoch; no password once it has ended. */
export type SessionRow = NewSession & {
  state: StoredState;
  /** Of that state, as a sentence. */
  reason: string | null;
  ended_at: number | null;
  version: number;
  indexed_version: number;
};

export const SESSION_SCHEMA = `
  CREATE TABLE session (
    session_id TEXT NOT NULL, host_id TEXT NOT NULL, port INTEGER NOT NULL, address TEXT, label TEXT,
    control TEXT NOT NULL, clipboard TEXT NOT NULL, password TEXT,
    idle_seconds INTEGER, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT, ended_at INTEGER,
    version INTEGER NOT NULL DEFAULT 1, indexed_version INTEGER NOT NULL DEFAULT 0
  );
`;

/** Stores the row of a session that is made. */
export function insertSession(sql: SqlStorage, input: NewSession): void {
  sql.exec(
    `INSERT INTO session
       (session_id, host_id, port, address, label, control, clipboard, password, idle_seconds, state,
        created_at, expires_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, ?)`,
    input.session_id,
    input.host_id,
    input.port,
    input.address ?? null,
    input.label,
    input.control,
    input.clipboard,
    input.password,
    input.idle_seconds,
    input.created_at,
    input.expires_at,
  );
}

/** What a session's row says of it to everybody who may see it. */
export function storedSession(row: SessionRow): StoredSession {
  return {
    session_id: row.session_id,
    host_id: row.host_id,
    vnc_port: row.port,
    address: row.address ?? null,
    display: displayOf(row.port),
    label: row.label,
    state: row.state,
    reason: row.reason,
    control: row.control,
    clipboard: row.clipboard,
    idle_seconds: row.idle_seconds,
    batch_id: null,
    job_url: null,
    created_at: rfc3339(row.created_at),
    expires_at: rfc3339(row.expires_at),
    ended_at: row.ended_at === null ? null : rfc3339(row.ended_at),
  };
}

/** A session as it is now. @param sight what its host says of it, which counts while it is open */
export function sessionState(stored: StoredSession, sight: Sight): SessionState {
  const { state, address: _, ...session } = stored;
  if (state !== "open") return { ...session, status: state, viewers: 0 };
  const { reason, viewers } = sight;
  return { ...session, status: reason === null ? "active" : "unreachable", reason, viewers };
}

/** Of a session whose host is not asked, or cannot be. */
export const UNSEEN: Sight = {
  online: false,
  reason: "Its host could not be asked; try again.",
  viewers: 0,
};

/** The display of a port, or null where the port is not one of a display. */
function displayOf(port: number): number | null {
  return port >= RFB_BASE_PORT && port <= RFB_LAST_PORT ? port - RFB_BASE_PORT : null;
}

export function unknownSession() {
  return refuse(404, "no_such_session", "There is no such session.");
}

export function sessionEnded(row: SessionRow) {
  return refuse(410, "session_ended", row.reason ?? "The session has ended.");
}

export function credentialRevoked() {
  return refuse(401, "revoked", "This credential was revoked.");
}

/** To an agent that comes for a viewer who lost control while they waited. */
export const STREAM_NOT_LOWERED: Refusal = {
  status: 503,
  code: "stream_not_lowered",
  detail: "This stream may not control any more, which could not be said in time.",
};
