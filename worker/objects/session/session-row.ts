import type { Session } from "../../../protocol/api.ts";
import { RFB_BASE_PORT, RFB_LAST_PORT } from "../../../protocol/ids.ts";
import type { Clipboard, ControlMode } from "../../../protocol/link.ts";
import { type Result, refuse } from "../../problem.ts";
import { rfc3339 } from "../storage.ts";
import type { StoredState } from "./stored-state.ts";

export type NewSession = {
  session_id: string;
  /** Of a job, once it has room there. */
  host_id: string | null;
  /** Of a job, once its desktop is there. */
  port: number | null;
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
  /** What its desktop is made for, if it is made for a job. */
  job?: JobOfSession | null;
};

/**
 * A job has its room given by objects/batch.ts, which tells its session how it stands. One whose URL
 * is none has failed from the start, with that reason.
 */
export type JobOfSession = { batch_id: string | null; url: string; failed: string | null };

/** What a hosting panel decides of a session. */
export type PanelTarget = Pick<NewSession, "password" | "expires_at"> & {
  address: string;
  port: number;
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
export type SessionRow = Omit<NewSession, "job"> & {
  batch_id: string | null;
  job_url: string | null;
  /** 1 once objects/batch.ts knows that the session of a job is over. */
  job_over_told: number;
  state: StoredState;
  /** Of that state, as a sentence. */
  reason: string | null;
  ended_at: number | null;
  version: number;
  indexed_version: number;
};

/** Why a job shows no picture yet. */
export const QUEUED = "It waits for room on a host, and starts by itself.";

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
    batch_id: row.batch_id,
    job_url: row.job_url,
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
function displayOf(port: number | null): number | null {
  return port !== null && port >= RFB_BASE_PORT && port <= RFB_LAST_PORT
    ? port - RFB_BASE_PORT
    : null;
}

export function unknownSession() {
  return refuse(404, "no_such_session", "There is no such session.");
}

/** A session that a viewer can enter: it has a place. */
export type PlacedRow = SessionRow & { host_id: string; port: number };

/** @returns a refusal while the desktop of a job is not there */
export function placed(row: SessionRow): Result<PlacedRow> {
  const { host_id, port } = row;
  if (row.state === "open" && host_id !== null && port !== null) {
    return { ok: true, value: { ...row, host_id, port } };
  }
  return refuse(503, "not_started", row.reason ?? QUEUED);
}

export function sessionEnded(row: SessionRow) {
  return refuse(410, "session_ended", row.reason ?? "The session has ended.");
}

export function credentialRevoked() {
  return refuse(401, "revoked", "This credential was revoked.");
}

/** Who did what nobody did: time passed, or a job went its way. */
export const SYSTEM = "porthole";
