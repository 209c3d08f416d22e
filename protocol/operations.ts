import * as v from "valibot";
import {
  ApiKey,
  AppliedBatch,
  AppliedJob,
  ApplyJob,
  AuditEntry,
  Batch,
  BatchApply,
  ChangeHost,
  CreateJoinToken,
  CreateKey,
  CreateLink,
  CreateSession,
  CreateTicket,
  DisabledServer,
  Health,
  Host,
  JobLog,
  JoinToken,
  JoinTokenInfo,
  ListAudit,
  ListHosts,
  ListMessages,
  ListRooms,
  ListSessions,
  Login,
  MadeShareLink,
  Me,
  NewApiKey,
  pageOf,
  RedeemedLink,
  RedeemLink,
  SeenSession,
  SeeSession,
  ServerConsole,
  ServerLookUp,
  Session,
  ShareLink,
  SignIn,
  SignInLink,
  Ticket,
} from "./api.ts";
import { ChatChange, InboxRoom, OpenSupport, SupportRoom } from "./chat.ts";
import { MAX_IDEMPOTENCY_KEY_CHARACTERS } from "./limits.ts";
import { JoinAnswer, JoinRequest } from "./link.ts";

/**
 * What a call takes and answers. The same schemas check requests at the edge, type the client of
 * scripts/api-client.ts, and describe the API at `/api/openapi.json`.
 */
export type Operation = {
  /** Its name in programs that are generated from the description. */
  id: string;
  summary: string;
  query?: v.GenericSchema;
  headers?: Record<string, v.GenericSchema>;
  body?: v.GenericSchema;
  /** What it is answered when all goes well; `null` has no body. */
  status: 200 | 201 | 202 | 204;
  answer: v.GenericSchema | null | "object" | "html" | "text";
  /** An answer that is the one the caller has already, by its ETag, is a 304. */
  hasETag?: true;
  /** The codes of its problems, beside those that every call can have. */
  problems?: readonly (readonly [status: number, code: string])[];
};

const NO_SESSION = [404, "no_such_session"] as const;
const ENDED = [410, "session_ended"] as const;
const NO_HOST = [404, "no_such_host"] as const;
const GUESSED = [429, "too_many_failures"] as const;

/** Of every call that gives a job a desktop. */
const JOBS = [
  NO_HOST,
  [409, "profile_not_offered"],
  [422, "idempotency_key_reused"],
  [429, "too_many_jobs"],
  [503, "not_all_made"],
] as const;

/** Of every call that asks the hosting panel. */
const PANEL = [
  [404, "no_such_server"],
  [501, "no_panel"],
  [502, "panel_refused"],
  [502, "panel_unreachable"],
  [502, "panel_redirects"],
  [502, "panel_malformed"],
  [502, "panel_failed"],
  [504, "panel_timeout"],
] as const;

const IdempotencyKey = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(MAX_IDEMPOTENCY_KEY_CHARACTERS),
  v.regex(/^[\x20-\x7e]+$/),
  v.description("The same call with the same key is answered the same thing made for 24 hours."),
);

/** Every call of the API, by its route. What each needs is said beside the route, in worker/app.ts. */
export const OPERATIONS = {
  "GET /api/health": {
    id: "getHealth",
    summary: "Whether the edge answers",
    status: 200,
    answer: Health,
  },
  "GET /api/openapi.json": {
    id: "getDescription",
    summary: "This description",
    status: 200,
    answer: "object",
  },
  "GET /api/docs": {
    id: "readDescription",
    summary: "This description, to be read",
    status: 200,
    answer: "html",
  },

  "GET /metrics": {
    id: "getMetrics",
    summary: "What Prometheus reads: sessions, hosts, streams and what came of viewers",
    status: 200,
    answer: "text",
  },

  "GET /api/vnc/sessions": {
    id: "listSessions",
    summary: "A page of sessions, the newest first; those that have not ended, without a status",
    query: ListSessions,
    status: 200,
    answer: pageOf(Session),
    hasETag: true,
  },
  "POST /api/vnc/sessions": {
    id: "createSession",
    summary: "Makes a session of one display of a host",
    headers: { "idempotency-key": IdempotencyKey },
    body: CreateSession,
    status: 201,
    answer: Session,
    problems: [NO_HOST, [422, "idempotency_key_reused"]],
  },
  "GET /api/vnc/session/:id": {
    id: "getSession",
    summary: "A session; with a role as `ticket`, its `websocket_url` carries a fresh one",
    query: SeeSession,
    status: 200,
    answer: SeenSession,
    hasETag: true,
    problems: [NO_SESSION, ENDED],
  },
  "DELETE /api/vnc/session/:id": {
    id: "endSession",
    summary: "Ends a session and closes its viewers",
    status: 204,
    answer: null,
    problems: [NO_SESSION],
  },
  "POST /api/vnc/session/:id/tickets": {
    id: "createTicket",
    summary: "A ticket, which opens one WebSocket within 60 s",
    body: CreateTicket,
    status: 201,
    answer: Ticket,
    problems: [NO_SESSION, ENDED],
  },
  "GET /api/vnc/session/:id/links": {
    id: "listLinks",
    summary: "The share links of a session",
    status: 200,
    answer: pageOf(ShareLink),
    problems: [NO_SESSION],
  },
  "POST /api/vnc/session/:id/links": {
    id: "createLink",
    summary: "Makes a share link",
    body: CreateLink,
    status: 201,
    answer: MadeShareLink,
    problems: [NO_SESSION, ENDED, [429, "too_many_links"]],
  },
  "DELETE /api/vnc/session/:id/links/:link_id": {
    id: "revokeLink",
    summary: "Revokes a share link and closes who came by it",
    status: 204,
    answer: null,
    problems: [NO_SESSION, [404, "no_such_link"]],
  },
  "POST /api/links/redeem": {
    id: "redeemLink",
    summary: "Lets a guest in by a share link's secret, with a cookie and a first ticket",
    body: RedeemLink,
    status: 200,
    answer: RedeemedLink,
    problems: [[401, "bad_share_link"], NO_SESSION, ENDED, GUESSED],
  },

  "POST /api/vnc/apply-job": {
    id: "applyJob",
    summary: "Gives a job a desktop of its own, as soon as a host has room",
    headers: { "idempotency-key": IdempotencyKey },
    body: ApplyJob,
    status: 202,
    answer: AppliedJob,
    problems: [[400, "bad_job_url"], ...JOBS],
  },
  "POST /api/vnc/batch-apply": {
    id: "applyBatch",
    summary: "Gives each of up to 500 jobs a desktop of its own, in their order, as there is room",
    headers: { "idempotency-key": IdempotencyKey },
    body: BatchApply,
    status: 202,
    answer: AppliedBatch,
    problems: JOBS,
  },
  "GET /api/vnc/batch/:id": {
    id: "getBatch",
    summary: "A batch, with every job and its status",
    status: 200,
    answer: Batch,
    hasETag: true,
    problems: [[404, "no_such_batch"]],
  },
  "DELETE /api/vnc/batch/:id": {
    id: "endBatch",
    summary: "Ends every job of a batch that has not ended",
    status: 204,
    answer: null,
    problems: [
      [404, "no_such_batch"],
      [503, "not_all_ended"],
    ],
  },
  "GET /api/vnc/session/:id/log": {
    id: "readJobLog",
    summary: "What a job's desktop printed; also after its end, while its agent keeps it",
    status: 200,
    answer: JobLog,
    problems: [
      NO_SESSION,
      [404, "no_log"],
      [409, "not_a_job"],
      [409, "not_started"],
      [503, "host_offline"],
      [504, "agent_timeout"],
    ],
  },

  "GET /api/servers/:serverId/vnc": {
    id: "getServerVnc",
    summary: "What the hosting panel says of a server's VNC, and the session that shows it",
    status: 200,
    answer: ServerLookUp,
    problems: PANEL,
  },
  "POST /api/servers/:serverId/vnc/enable": {
    id: "enableServerVnc",
    summary: "Switches a server's VNC on at the hosting panel, and has one session show it",
    status: 200,
    answer: ServerConsole,
    problems: [
      ...PANEL,
      [409, "no_agent_at_address"],
      [409, "address_claimed_twice"],
      [409, "listener_not_named"],
      [502, "no_listener"],
      [503, "host_offline"],
    ],
  },
  "POST /api/servers/:serverId/vnc/disable": {
    id: "disableServerVnc",
    summary: "Ends a server's session, and switches its VNC off at the hosting panel",
    status: 200,
    answer: DisabledServer,
    problems: PANEL,
  },

  "GET /api/hosts": {
    id: "listHosts",
    summary: "A page of hosts, the oldest first, with the displays that were found",
    query: ListHosts,
    status: 200,
    answer: pageOf(Host),
    hasETag: true,
  },
  "GET /api/hosts/:id": {
    id: "getHost",
    summary: "A host",
    status: 200,
    answer: Host,
    hasETag: true,
    problems: [NO_HOST],
  },
  "PATCH /api/hosts/:id": {
    id: "changeHost",
    summary: "Gives a host another name or label",
    body: ChangeHost,
    status: 200,
    answer: Host,
    problems: [NO_HOST],
  },
  "DELETE /api/hosts/:id": {
    id: "removeHost",
    summary: "Revokes a host's agent at once and ends its sessions",
    status: 204,
    answer: null,
    problems: [NO_HOST],
  },
  "POST /api/hosts/:id/scan": {
    id: "scanHost",
    summary: "Has a host look for displays now",
    status: 204,
    answer: null,
    problems: [NO_HOST, [503, "host_offline"]],
  },
  "GET /api/hosts/join-tokens": {
    id: "listJoinTokens",
    summary: "The join tokens that can still be used",
    status: 200,
    answer: pageOf(JoinTokenInfo),
  },
  "POST /api/hosts/join-tokens": {
    id: "createJoinToken",
    summary: "A token that lets one machine join, once, within the hour",
    body: CreateJoinToken,
    status: 201,
    answer: JoinToken,
  },
  "DELETE /api/hosts/join-tokens/:id": {
    id: "revokeJoinToken",
    summary: "Revokes a join token",
    status: 204,
    answer: null,
    problems: [[404, "no_such_join_token"]],
  },
  "POST /api/agent/join": {
    id: "joinAgent",
    summary: "What an agent enrols with",
    body: JoinRequest,
    status: 201,
    answer: JoinAnswer,
    problems: [[401, "bad_join_token"], GUESSED],
  },

  "POST /api/login": {
    id: "login",
    summary: "Signs a browser in, with a cookie",
    body: Login,
    status: 204,
    answer: null,
    problems: [[401, "bad_credential"], [401, "bad_link"], GUESSED],
  },
  "POST /api/logout": {
    id: "logout",
    summary: "Signs this browser out",
    status: 204,
    answer: null,
  },
  "POST /api/login/links": {
    id: "createSignInLink",
    summary: "A link that signs one browser in, once, within the hour",
    status: 201,
    answer: SignInLink,
  },
  "GET /api/me": {
    id: "getMe",
    summary: "Who the edge takes the caller for, and what a guest may enter",
    status: 200,
    answer: Me,
  },
  "GET /api/logins": {
    id: "listLogins",
    summary: "The browsers that are signed in",
    status: 200,
    answer: pageOf(SignIn),
  },
  "DELETE /api/logins/:id": {
    id: "endLogin",
    summary: "Signs a browser out and closes what it has open",
    status: 204,
    answer: null,
    problems: [[404, "no_such_login"]],
  },
  "GET /api/keys": {
    id: "listKeys",
    summary: "The API keys",
    status: 200,
    answer: pageOf(ApiKey),
  },
  "POST /api/keys": {
    id: "createKey",
    summary: "Makes an API key",
    body: CreateKey,
    status: 201,
    answer: NewApiKey,
  },
  "DELETE /api/keys/:id": {
    id: "revokeKey",
    summary: "Revokes an API key and closes what it opened",
    status: 204,
    answer: null,
    problems: [[404, "no_such_key"]],
  },
  "GET /api/chat/rooms": {
    id: "listRooms",
    summary: "The inbox: a page of support rooms; those that are open, without a state",
    query: ListRooms,
    status: 200,
    answer: pageOf(InboxRoom),
  },
  "GET /api/chat/rooms/:room/messages": {
    id: "listMessages",
    summary: "A page of what was said in a room, the newest first",
    query: ListMessages,
    status: 200,
    answer: pageOf(ChatChange),
    problems: [[400, "malformed_room"], [403, "removed"], NO_SESSION, [404, "no_such_room"], ENDED],
  },
  "GET /api/chat/support": {
    id: "getSupportRoom",
    summary: "The support room that this browser has opened",
    status: 200,
    answer: SupportRoom,
    problems: [
      [404, "no_support_room"],
      [409, "signed_in"],
    ],
  },
  "POST /api/chat/support": {
    id: "openSupportRoom",
    summary: "Opens a support room for this browser; one that it has is a 200",
    body: OpenSupport,
    status: 201,
    answer: SupportRoom,
    problems: [
      [409, "signed_in"],
      [429, "too_many_rooms"],
    ],
  },

  "GET /api/audit": {
    id: "listAudit",
    summary: "Who did what to what, the newest first",
    query: ListAudit,
    status: 200,
    answer: pageOf(AuditEntry),
  },
} as const satisfies Record<string, Operation>;

export type OperationName = keyof typeof OPERATIONS;
