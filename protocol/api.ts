import * as v from "valibot";
import { Id, RFB_BASE_PORT } from "./ids.ts";
import {
  DEFAULT_LINK_TTL_S,
  MAX_NAME_CHARACTERS,
  MAX_SESSION_TTL_S,
  MAX_VNC_PASSWORD_CHARACTERS,
} from "./limits.ts";
import { Clipboard, ControlMode, type Display, Role } from "./link.ts";

/** The REST API: JSON in snake_case. Integrators write against these shapes. */

const Name = v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_NAME_CHARACTERS));

export const CreateSession = v.pipe(
  v.strictObject({
    host_id: Id,
    display: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99))),
    port: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535))),
    label: v.optional(Name),
    ttl_seconds: v.optional(
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SESSION_TTL_S)),
    ),
    control: v.optional(ControlMode, "shared"),
    clipboard: v.optional(Clipboard, "both"),
    /** The VNC server's, for the agent alone: no answer has it. */
    password: v.optional(
      v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_VNC_PASSWORD_CHARACTERS)),
    ),
  }),
  v.check(
    (body) => (body.display === undefined) !== (body.port === undefined),
    "give either display or port",
  ),
  v.transform(({ display, port, ...rest }) => ({
    ...rest,
    port: port ?? RFB_BASE_PORT + (display ?? 0),
  })),
);
export type CreateSession = v.InferOutput<typeof CreateSession>;

export const CreateTicket = v.strictObject({ role: Role, name: v.optional(Name) });

export const Login = v.union([
  v.strictObject({ admin_token: v.pipe(v.string(), v.minLength(1), v.maxLength(512)) }),
  v.strictObject({ link: v.pipe(v.string(), v.minLength(1), v.maxLength(128)) }),
]);

/** What a person or a key may do: look, run sessions, or everything. Each includes the one before. */
export const PersonRole = v.picklist(["viewer", "operator", "admin"]);
export type PersonRole = v.InferOutput<typeof PersonRole>;

export const CreateKey = v.strictObject({ name: Name, role: PersonRole });

export const CreateLink = v.strictObject({
  role: Role,
  label: v.optional(Name),
  /** How long it works; a day if not given, and never longer than the session. */
  ttl_seconds: v.optional(
    v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SESSION_TTL_S)),
    DEFAULT_LINK_TTL_S,
  ),
  /** How many guests may come by it; without a limit if not given. */
  max_uses: v.optional(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(10_000))),
});

export const RedeemLink = v.strictObject({
  secret: v.pipe(
    v.string(),
    v.regex(/^[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_-]{43}$/, "is not a link's"),
  ),
});

export const CreateJoinToken = v.strictObject({ name: v.optional(Name) });

export type SessionStatus = "queued" | "starting" | "active" | "unreachable" | "failed" | "ended";

export type Session = {
  session_id: string;
  host_id: string;
  vnc_port: number;
  /** `vnc_port` - 5900; null where the port is not one of a display. */
  display: number | null;
  label: string | null;
  status: SessionStatus;
  /** Why it is `unreachable`, `failed` or `ended`, as a sentence. */
  reason: string | null;
  websocket_url: string;
  view_url: string;
  viewers: number;
  /** Whether all who may control it do at once, or one at a time. */
  control: ControlMode;
  clipboard: Clipboard;
  batch_id: string | null;
  job_url: string | null;
  /** RFC 3339, UTC, as are all times. */
  created_at: string;
  expires_at: string;
  ended_at: string | null;
};

/** What whoever asks is to a session. */
export type Standing = "guest" | PersonRole;

/** A session, and what its page has to know about who asks. */
export type SeenSession = Session & {
  standing: Standing;
  /** The highest role that they may have in it. */
  your_role: Role;
};

/** The console of a hosting panel's server: the session that shows it, once VNC is switched on. */
export type ServerConsole = Session & {
  server_id: string;
  enabled: true;
  /** The panel's name for what it still does in the background. */
  queue_id: string | null;
};

/** What is known of a panel's server without changing anything. */
export type ServerLookUp = {
  server_id: string;
  /** As the panel says it: some say so only while somebody is connected. */
  enabled: boolean;
  /** Where its hypervisor listens; null while the panel does not know. */
  address: string | null;
  port: number | null;
  /** The host that has this address; null if none has, or more than one. */
  host_id: string | null;
  session: Session | null;
};

export type Host = {
  host_id: string;
  name: string;
  online: boolean;
  /** Since when it is online, or offline. */
  since: string;
  version: string | null;
  displays: Display[];
  streams: number;
  created_at: string;
};

export type ShareLink = {
  link_id: string;
  role: Role;
  label: string | null;
  created_at: string;
  expires_at: string;
  uses: number;
  max_uses: number | null;
};
/** The secret is only in the answer that made the link; in `url` it is the fragment. */
export type NewShareLink = ShareLink & { secret: string };

export type Ticket = { ticket: string; websocket_url: string; expires_at: string };

/** An API key as it is listed; the key itself is only in the answer that made it. */
export type ApiKey = {
  key_id: string;
  name: string;
  role: PersonRole;
  created_at: string;
  /** To the minute; null if it was never used. */
  last_used_at: string | null;
};
export type NewApiKey = ApiKey & { key: string };

/** A browser that is signed in. */
export type SignIn = {
  login_id: string;
  name: string;
  role: PersonRole;
  /** Where it signed in from, and with what, as the browser said. */
  address: string | null;
  user_agent: string | null;
  created_at: string;
  expires_at: string;
  /** Whether it is the one that asks. */
  current: boolean;
};

/** One line of the audit. */
export type AuditEntry = {
  audit_id: number;
  at: string;
  /** Who: `admin token`, `login:<id>`, `key:<id>`, `link:<id>`, `host:<id>`; `nobody` was refused. */
  actor: string;
  address: string | null;
  /** What, as `thing.verb`. */
  action: string;
  /** To what: an id. */
  target: string | null;
  detail: string | null;
};

export type JoinToken = { token_id: string; token: string; expires_at: string; command: string };

export type Page<Item> = { items: Item[]; next_cursor: string | null };

/** RFC 9457. `code` is stable: software acts on it; `detail` is for a person. */
export type Problem = {
  type: "about:blank";
  title: string;
  status: number;
  code: string;
  detail: string;
};
