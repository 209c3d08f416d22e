import * as v from "valibot";
import { ANY_ADDRESS, Id, LOOPBACK } from "./ids.ts";
import {
  MAX_ADDRESS_CHARACTERS,
  MAX_ADDRESSES,
  MAX_DESKTOPS_PER_HOST,
  MAX_MESSAGE_BYTES,
  MAX_NAME_CHARACTERS,
  MAX_PROFILE_NAME_CHARACTERS,
  MAX_SECURITY_TYPES,
  MAX_STREAMS_PER_HOST,
  MAX_VNC_PASSWORD_CHARACTERS,
} from "./limits.ts";

/**
 * What the edge and an agent say to each other on `/agent/link`: JSON text, every message an
 * object with a `type`. Unknown types are ignored and logged, so that old and new versions meet.
 */

const Port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const Sentence = v.pipe(v.string(), v.maxLength(500));
const Count = v.pipe(v.number(), v.minValue(0));

export const Role = v.picklist(["control", "view"]);
export type Role = v.InferOutput<typeof Role>;

export const Clipboard = v.picklist(["both", "to_host", "none"]);
export type Clipboard = v.InferOutput<typeof Clipboard>;

/** Whether all who may control a session do at once, or one at a time. */
export const ControlMode = v.picklist(["shared", "exclusive"]);
export type ControlMode = v.InferOutput<typeof ControlMode>;

/**
 * A VNC server that an agent found. Its desktop's name, and `width` and `height` in pixels, are
 * known once somebody has seen it, as they were when the newest stream of it began.
 */
export const Display = v.object({
  port: Port,
  /** Where it listens, if that is not on loopback alone: an address, or 0.0.0.0 for all. */
  address: v.optional(v.pipe(v.string(), v.maxLength(MAX_ADDRESS_CHARACTERS))),
  /** null for a port that is not a display's. */
  display: v.nullable(v.pipe(v.number(), v.integer())),
  name: v.nullable(v.pipe(v.string(), v.maxLength(255))),
  security: v.pipe(v.array(v.pipe(v.string(), v.maxLength(40))), v.maxLength(MAX_SECURITY_TYPES)),
  width: v.nullable(Count),
  height: v.nullable(Count),
});
export type Display = v.InferOutput<typeof Display>;

/** Whether who dials that address of the host reaches this display. */
export function listensOn({ address = LOOPBACK }: Display, dialled: string): boolean {
  return address === dialled || address === ANY_ADDRESS;
}

/** At most the ports 5900 to 5999 of one machine. */
const Displays = v.pipe(v.array(Display), v.maxLength(100));

const ProfileName = v.pipe(v.string(), v.maxLength(MAX_PROFILE_NAME_CHARACTERS));
const LogText = v.pipe(v.string(), v.maxLength(MAX_MESSAGE_BYTES));

/**
 * Why a desktop is over, for a program; the reason beside it is for a person. `no_room`: nothing was
 * started, later there may be room. `refused`: nothing was started, nor would be if asked again.
 * `exited`: a program of it ended by itself. `failed`: it did not come up. `stopped`: it was asked
 * to. `limit`: it took too long or too much memory. `lost`: the agent ended meanwhile, or does not
 * know it.
 */
export const EndCause = v.picklist([
  "no_room",
  "refused",
  "exited",
  "failed",
  "stopped",
  "limit",
  "lost",
]);
export type EndCause = v.InferOutput<typeof EndCause>;

export const EdgeToAgent = v.variant("type", [
  v.object({
    type: v.literal("open"),
    stream: Id,
    /** Single use: the credential for `/agent/stream/:session/:stream`. */
    token: v.pipe(v.string(), v.minLength(32), v.maxLength(128)),
    session: Id,
    target: v.object({ host: v.pipe(v.string(), v.minLength(1), v.maxLength(255)), port: Port }),
    role: Role,
    clipboard: Clipboard,
    /** `exclusive` says that the role may change while the stream runs. */
    control: v.optional(ControlMode, "shared"),
    /** The VNC server's, where the session has one. */
    password: v.optional(v.pipe(v.string(), v.maxLength(MAX_VNC_PASSWORD_CHARACTERS))),
  }),
  v.object({ type: v.literal("role"), stream: Id, role: Role }),
  v.object({
    type: v.literal("close"),
    stream: Id,
    code: v.pipe(v.number(), v.integer()),
    reason: Sentence,
  }),
  v.object({ type: v.literal("scan") }),
  /**
   * Starts a desktop for a session; `launched` or `ended` answers. Said again it starts nothing, and
   * what is known is answered again. The agent checks the URL, so that a bad one gets an answer.
   */
  v.object({ type: v.literal("launch"), session: Id, profile: v.string(), url: v.string() }),
  /** Ends a session's desktop; `ended` answers, also if there is none. */
  v.object({ type: v.literal("stop"), session: Id }),
  /** Asks what a session's desktop printed; `log` answers. */
  v.object({ type: v.literal("log"), session: Id }),
]);
export type EdgeToAgent = v.InferOutput<typeof EdgeToAgent>;

export const AgentToEdge = v.variant("type", [
  v.object({
    type: v.literal("hello"),
    version: v.pipe(v.string(), v.maxLength(40)),
    displays: Displays,
    /** The streams that this agent still has, so that the edge can forget the others. */
    streams: v.pipe(v.array(Id), v.maxLength(MAX_STREAMS_PER_HOST)),
    /** The desktops that its owner lets jobs have. */
    profiles: v.optional(v.array(ProfileName), []),
    /** How many desktops it runs at once. */
    max_desktops: v.optional(Count, 0),
    /** How long one may take to start; then the agent gives up on it. */
    max_start_seconds: v.optional(Count),
    /** Those that it has; one that is not ready yet is followed by `launched`. */
    desktops: v.optional(
      v.pipe(
        v.array(v.object({ session: Id, port: Port, ready: v.boolean() })),
        v.maxLength(MAX_DESKTOPS_PER_HOST),
      ),
      [],
    ),
    addresses: v.optional(
      v.pipe(
        v.array(v.pipe(v.string(), v.maxLength(MAX_ADDRESS_CHARACTERS))),
        v.maxLength(MAX_ADDRESSES),
      ),
      [],
    ),
  }),
  v.object({ type: v.literal("displays"), displays: Displays }),
  /** How long the edge takes to answer a ping on this link; told at most once in some minutes. */
  v.object({ type: v.literal("latency"), ms: Count }),
  v.object({ type: v.literal("opened"), stream: Id }),
  v.object({
    type: v.literal("failed"),
    stream: Id,
    code: v.pipe(v.number(), v.integer(), v.minValue(4000), v.maxValue(4999)),
    message: Sentence,
  }),
  v.object({
    type: v.literal("closed"),
    stream: Id,
    /** Towards the VNC server. */
    bytes_in: Count,
    /** Towards the viewer. */
    bytes_out: Count,
    seconds: Count,
    reason: Sentence,
  }),
  /** A viewer who connects now gets a picture. `displays` with that port came before. */
  v.object({ type: v.literal("launched"), session: Id, port: Port }),
  /** The desktop is over, and nothing of it is left on the host but its log. */
  v.object({
    type: v.literal("ended"),
    session: Id,
    cause: v.optional(EndCause, "failed"),
    reason: Sentence,
  }),
  /** `text` is null if nothing is kept; `truncated` says that the middle is missing. */
  v.object({
    type: v.literal("log"),
    session: Id,
    text: v.nullable(LogText),
    truncated: v.boolean(),
  }),
]);
export type AgentToEdge = v.InferOutput<typeof AgentToEdge>;

/** What an agent says to enrol, at `POST /api/agent/join`. */
export const JoinRequest = v.object({
  token: v.pipe(v.string(), v.minLength(16), v.maxLength(128)),
  /** The Ed25519 public key: 32 bytes, base64url (the `x` of an OKP JWK, RFC 8037). */
  public_key: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/, "must be 32 bytes in base64url")),
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(MAX_NAME_CHARACTERS)),
});
export type JoinRequest = v.InferOutput<typeof JoinRequest>;

export const JoinAnswer = v.object({ host_id: Id, name: v.string() });
