import * as v from "valibot";
import { InboxState } from "./chat.ts";
import { Id, RFB_BASE_PORT } from "./ids.ts";
import {
  DEFAULT_LINK_TTL_S,
  DEFAULT_PROFILE,
  MAX_AUDIT_PAGE_ITEMS,
  MAX_BATCH_JOBS,
  MAX_CURSOR_CHARACTERS,
  MAX_NAME_CHARACTERS,
  MAX_PAGE_ITEMS,
  MAX_PROFILE_NAME_CHARACTERS,
  MAX_SESSION_TTL_S,
  MAX_VNC_PASSWORD_CHARACTERS,
} from "./limits.ts";
import { Clipboard, ControlMode, Display as FoundDisplay, Role } from "./link.ts";

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
    /** It ends so long after its last viewer left; null for never. */
    idle_seconds: v.optional(
      v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_SESSION_TTL_S))),
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
  v.metadata({ oneOf: [{ required: ["display"] }, { required: ["port"] }] }),
  v.transform(({ display, port, ...rest }) => ({
    ...rest,
    port: port ?? RFB_BASE_PORT + (display ?? 0),
  })),
);
export type CreateSession = v.InferOutput<typeof CreateSession>;

/** What each job of a request runs as, and where; without a host, where there is most room. */
const JobOptions = {
  host_id: v.optional(Id),
  profile: v.optional(
    v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_PROFILE_NAME_CHARACTERS)),
    DEFAULT_PROFILE,
  ),
};

export const ApplyJob = v.strictObject({ jobUrl: v.string(), ...JobOptions });
export type ApplyJob = v.InferOutput<typeof ApplyJob>;

/** A URL that is none makes its own job fail, and no other. */
export const BatchApply = v.strictObject({
  jobUrls: v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(MAX_BATCH_JOBS)),
  ...JobOptions,
});
export type BatchApply = v.InferOutput<typeof BatchApply>;

export const SessionStatus = v.picklist([
  "queued",
  "starting",
  "active",
  "unreachable",
  "failed",
  "ended",
]);
export type SessionStatus = v.InferOutput<typeof SessionStatus>;

/** A number in a query, from 1 to `most`. */
function wholeNumber(most: number) {
  return v.pipe(
    v.string(),
    v.regex(/^[1-9]\d{0,14}$/, "must be a whole number from 1 up"),
    v.transform(Number),
    v.number(),
    v.integer(),
    v.minValue(1),
    v.maxValue(most),
  );
}

/** The query of the audit: the lines before the one that the cursor names. */
export const ListAudit = v.strictObject({
  cursor: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER)),
  limit: v.optional(wholeNumber(MAX_AUDIT_PAGE_ITEMS)),
});

/** The query of a list of sessions. Without a status, those that have not come to their end. */
export const ListSessions = v.strictObject({
  status: v.optional(v.picklist([...SessionStatus.options, "all"])),
  host_id: v.optional(Id),
  batch_id: v.optional(Id),
  cursor: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_CURSOR_CHARACTERS))),
  limit: v.optional(wholeNumber(MAX_PAGE_ITEMS)),
});

/** The query of a list of hosts. */
export const ListHosts = v.strictObject({
  cursor: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_CURSOR_CHARACTERS))),
  limit: v.optional(wholeNumber(MAX_PAGE_ITEMS)),
});

/** The query of a room's history: the messages before that `seq`. */
export const ListMessages = v.strictObject({
  before: v.optional(wholeNumber(Number.MAX_SAFE_INTEGER)),
  limit: v.optional(wholeNumber(MAX_PAGE_ITEMS)),
});

/** The query of the inbox. */
export const ListRooms = v.strictObject({
  state: v.optional(InboxState),
  cursor: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(MAX_CURSOR_CHARACTERS))),
  limit: v.optional(wholeNumber(MAX_PAGE_ITEMS)),
});

/** The query of one session: the role of the ticket that its `websocket_url` is to carry. */
export const SeeSession = v.strictObject({ ticket: v.optional(Role) });

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
  embedded: v.optional(
    v.pipe(
      v.boolean(),
      v.description("Whether the page that asks is in a frame; its cookie is for that frame then."),
    ),
  ),
});

export const ChangeHost = v.pipe(
  v.strictObject({ name: v.optional(Name), label: v.optional(v.nullable(Name)) }),
  v.check(({ name, label }) => name !== undefined || label !== undefined, "give a name or a label"),
);

export const CreateJoinToken = v.strictObject({ name: v.optional(Name) });

/** A field, with what is said of it in the API's description. */
function told<const Schema extends v.GenericSchema>(schema: Schema, description: string) {
  return v.pipe(schema, v.description(description));
}

const Time = told(v.pipe(v.string(), v.isoTimestamp()), "RFC 3339, UTC.");
const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Url = v.pipe(v.string(), v.url());

export const Session = v.object({
  session_id: Id,
  host_id: told(v.nullable(Id), "Null while a job has no room on a host yet."),
  vnc_port: told(v.nullable(Count), "Null while a job's desktop is not there yet."),
  display: told(v.nullable(Count), "`vnc_port` - 5900; null where the port is not a display's."),
  label: v.nullable(v.string()),
  status: told(
    SessionStatus,
    "`active`: a viewer who connects now gets a picture. It becomes `unreachable`, and `active` again, by itself. Jobs begin as `queued` and `starting`.",
  ),
  reason: told(v.nullable(v.string()), "Why it is not `active`, as a sentence."),
  websocket_url: told(Url, "Where a viewer connects, at the scheme and host of this request."),
  view_url: told(Url, "The page that shows it."),
  viewers: Count,
  control: told(ControlMode, "Whether all who may control it do at once, or one at a time."),
  clipboard: told(Clipboard, "Which way copied text passes."),
  idle_seconds: told(
    v.nullable(Count),
    "It ends so long after its last viewer left; null for never.",
  ),
  batch_id: told(v.nullable(Id), "The batch whose job it is."),
  job_url: told(
    v.nullable(v.string()),
    "What its desktop shows, if it is a job's; guests are not told.",
  ),
  profile: told(v.nullable(v.string()), "What its desktop runs as, if it is a job's."),
  server_id: told(
    v.nullable(Id),
    "The hosting panel's server whose console it is: only the panel can show that again.",
  ),
  created_at: Time,
  expires_at: Time,
  ended_at: v.nullable(Time),
});
export type Session = v.InferOutput<typeof Session>;

/** What whoever asks is to a session. */
const Standing = v.picklist(["guest", ...PersonRole.options]);
export type Standing = v.InferOutput<typeof Standing>;

/** A session, and what its page has to know about who asks. */
export const SeenSession = v.object({
  ...Session.entries,
  standing: told(Standing, "What whoever asks is to it."),
  your_role: told(Role, "The highest role that they may have in it."),
});
export type SeenSession = v.InferOutput<typeof SeenSession>;

/** A job: its id is its session's. */
export const Job = v.object({
  job_id: Id,
  session_id: Id,
  job_url: told(v.string(), "As it was given; one that is no URL at most its beginning."),
  host_id: told(v.nullable(Id), "Null while it has no room on a host yet."),
  status: SessionStatus,
  reason: told(v.nullable(v.string()), "Why it is not `active`, as a sentence."),
  websocket_url: told(Url, "Where a viewer connects, from `active` on."),
  view_url: told(Url, "The page that shows it, and waits for it."),
});
export type Job = v.InferOutput<typeof Job>;

export const AppliedJob = v.object({ success: v.literal(true), ...Job.entries });
export type AppliedJob = v.InferOutput<typeof AppliedJob>;

export const Batch = v.object({
  batch_id: Id,
  created_at: Time,
  profile: told(v.string(), "What its jobs run as."),
  view_url: told(Url, "The page that shows all of its desktops."),
  jobs: told(v.array(Job), "In the order in which they were given."),
});
export type Batch = v.InferOutput<typeof Batch>;

export const AppliedBatch = v.object({ success: v.literal(true), ...Batch.entries });
export type AppliedBatch = v.InferOutput<typeof AppliedBatch>;

/** What a job's desktop printed. */
export const JobLog = v.object({
  session_id: Id,
  text: told(v.string(), "The first 8 KiB and the last 16."),
  truncated: told(v.boolean(), "Whether the middle is missing."),
});
export type JobLog = v.InferOutput<typeof JobLog>;

const QueueId = told(
  v.nullable(v.string()),
  "The panel's name for what it still does in the background.",
);

/** The console of a hosting panel's server: the session that shows it, once VNC is switched on. */
export const ServerConsole = v.object({
  ...Session.entries,
  server_id: told(Id, "As the panel calls it."),
  enabled: v.literal(true),
  queue_id: QueueId,
});
export type ServerConsole = v.InferOutput<typeof ServerConsole>;

export const DisabledServer = v.object({
  server_id: told(Id, "As the panel calls it."),
  enabled: v.literal(false),
  session_id: told(v.nullable(Id), "The session that ended with it."),
  queue_id: QueueId,
});
export type DisabledServer = v.InferOutput<typeof DisabledServer>;

/** What is known of a panel's server without changing anything. */
export const ServerLookUp = v.object({
  server_id: told(Id, "As the panel calls it."),
  enabled: told(v.boolean(), "As the panel says it: some say so only while somebody is connected."),
  address: told(
    v.nullable(v.string()),
    "Where its hypervisor listens; null while the panel does not know.",
  ),
  port: v.nullable(Count),
  host_id: told(
    v.nullable(Id),
    "The host that has this address; null if none has, or more than one.",
  ),
  session: told(v.nullable(Session), "The one that shows it, until that ends."),
});
export type ServerLookUp = v.InferOutput<typeof ServerLookUp>;

/** A display that a session may name by its port: on loopback, wherever else it listens. */
export const Display = v.omit(FoundDisplay, ["address"]);
export type Display = v.InferOutput<typeof Display>;

export const Host = v.object({
  host_id: Id,
  name: told(v.string(), "As its operators call it; at first as its agent does."),
  label: told(v.nullable(v.string()), "What its operators note about it."),
  online: v.boolean(),
  since: told(Time, "Since when it is online, or offline."),
  version: told(v.nullable(v.string()), "Of its agent."),
  displays: v.array(Display),
  profiles: told(v.array(v.string()), "The desktops that its owner lets jobs have."),
  max_desktops: told(Count, "How many of them it runs at once."),
  streams: Count,
  latency_ms: told(
    v.nullable(v.pipe(v.number(), v.minValue(0))),
    "A round trip from its agent to the edge and back, in ms, as it was last told.",
  ),
  created_at: Time,
});
export type Host = v.InferOutput<typeof Host>;

export const ShareLink = v.object({
  link_id: Id,
  role: Role,
  label: v.nullable(v.string()),
  created_at: Time,
  expires_at: Time,
  uses: Count,
  max_uses: v.nullable(Count),
});
export type ShareLink = v.InferOutput<typeof ShareLink>;
/** As the session's object makes it; the API shows the secret as the fragment of a URL. */
export type NewShareLink = ShareLink & { secret: string };

export const MadeShareLink = v.object({
  ...ShareLink.entries,
  url: told(Url, "With the link's secret in the fragment; only this answer has it."),
});

export const Ticket = v.object({
  ticket: told(v.string(), "Opens one WebSocket of the session, or of its chat, once."),
  websocket_url: Url,
  expires_at: Time,
});
export type Ticket = v.InferOutput<typeof Ticket>;

export const RedeemedLink = v.object({
  session_id: Id,
  role: Role,
  view_url: Url,
  ...Ticket.entries,
});

/** An API key as it is listed; the key itself is only in the answer that made it. */
export const ApiKey = v.object({
  key_id: Id,
  name: v.string(),
  role: PersonRole,
  created_at: Time,
  last_used_at: told(v.nullable(Time), "To the minute; null if it was never used."),
});
export type ApiKey = v.InferOutput<typeof ApiKey>;
export const NewApiKey = v.object({
  ...ApiKey.entries,
  key: told(v.string(), "Only this answer has it."),
});
export type NewApiKey = v.InferOutput<typeof NewApiKey>;

/** What vouches for a person, or for software. */
export const PersonKind = v.picklist(["admin_token", "key", "login", "access"]);

/** Who the edge takes a caller for. */
export const Me = v.object({
  kind: told(v.picklist([...PersonKind.options, "guest"]), "What vouches for whoever asks."),
  name: v.string(),
  role: told(v.nullable(PersonRole), "Null for a guest."),
  expires_at: told(
    v.nullable(Time),
    "When a sign-in, or what Cloudflare Access said, ends; null where nothing ends it by itself.",
  ),
  sessions: told(
    v.array(v.object({ session_id: Id, role: Role, expires_at: v.nullable(Time) })),
    "What a guest may enter by share links, at most 8, and until when.",
  ),
  support_room: told(v.nullable(v.string()), "A guest's support room."),
});
export type Me = v.InferOutput<typeof Me>;

/** A browser that is signed in. */
export const SignIn = v.object({
  login_id: Id,
  name: v.string(),
  role: PersonRole,
  address: told(v.nullable(v.string()), "Where it signed in from."),
  user_agent: told(v.nullable(v.string()), "With what, as the browser said."),
  created_at: Time,
  expires_at: Time,
  current: told(v.boolean(), "Whether it is the one that asks."),
});
export type SignIn = v.InferOutput<typeof SignIn>;

export const SignInLink = v.object({ url: Url, expires_at: Time });

/** One line of the audit. */
export const AuditEntry = v.object({
  audit_id: Count,
  at: Time,
  actor: told(
    v.string(),
    "Who: `admin token`, `login:<id>`, `key:<id>`, `link:<id>`, `host:<id>`; `nobody` was refused.",
  ),
  address: v.nullable(v.string()),
  action: told(v.string(), "What, as `thing.verb`."),
  target: told(v.nullable(v.string()), "To what: an id."),
  detail: v.nullable(v.string()),
});
export type AuditEntry = v.InferOutput<typeof AuditEntry>;

export const JoinToken = v.object({
  token_id: Id,
  token: told(v.string(), "Only this answer has it."),
  expires_at: Time,
  command: told(v.string(), "The line to paste on the new host."),
});
export type JoinToken = v.InferOutput<typeof JoinToken>;

export const JoinTokenInfo = v.object({
  token_id: Id,
  name: v.nullable(v.string()),
  created_at: Time,
  expires_at: Time,
});
export type JoinTokenInfo = v.InferOutput<typeof JoinTokenInfo>;

export const Health = v.object({ status: v.literal("ok"), version: v.string() });

/** One page of a list. */
export function pageOf<const Item extends v.GenericSchema>(item: Item) {
  return v.object({
    items: v.array(item),
    next_cursor: told(v.nullable(v.string()), "Read on with `?cursor=`; null on the last page."),
  });
}
export type Page<Item> = { items: Item[]; next_cursor: string | null };

/** RFC 9457. */
export const Problem = v.object({
  type: v.literal("about:blank"),
  title: v.string(),
  status: Count,
  code: told(v.string(), "Stable: software acts on it."),
  detail: told(v.string(), "For a person: what is wrong, and what to do."),
});
export type Problem = v.InferOutput<typeof Problem>;
