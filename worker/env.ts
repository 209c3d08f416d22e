import type { LocationHint } from "./location.ts";
import type { Batches } from "./objects/batch.ts";
import type { ChatRoom } from "./objects/chat-room.ts";
import type { PanelServer } from "./objects/panel-server.ts";
import type { Registry } from "./objects/registry.ts";
import type { VncHost } from "./objects/vnc-host.ts";
import type { VncSession } from "./objects/vnc-session.ts";

/** What wrangler.toml binds, and the secrets and settings of the operator. */
export interface Env {
  VNC_SESSION: DurableObjectNamespace<VncSession>;
  VNC_HOST: DurableObjectNamespace<VncHost>;
  CHAT_ROOM: DurableObjectNamespace<ChatRoom>;
  REGISTRY: DurableObjectNamespace<Registry>;
  PANEL_SERVER: DurableObjectNamespace<PanelServer>;
  BATCHES: DurableObjectNamespace<Batches>;
  /** A secret. Without it nobody can sign in, and the API says so. */
  ADMIN_TOKEN?: string;
  /** Other origins that may call and embed, separated by commas or spaces: `https://panel.example`. */
  ALLOWED_ORIGINS?: string;
  /** Cloudflare Access: `<team>.cloudflareaccess.com`, and the application's audience tag. */
  ACCESS_TEAM_DOMAIN?: string;
  ACCESS_AUD?: string;
  /**
   * The role of each person that Access lets through, as JSON: an e-mail address, `@domain`, a
   * group's name or `*`, to `viewer`, `operator` or `admin`. The highest that fits counts.
   */
  ACCESS_ROLES?: string;
  /** VirtFusion's address, and a token of its API (a secret). */
  VIRTFUSION_URL?: string;
  VIRTFUSION_TOKEN?: string;
  /** How it is told to switch VNC: `action` (if not given) or `vnc`. */
  VIRTFUSION_VNC_BODY?: string;
  /** For how many days the audit is kept; 90 if not given. */
  AUDIT_DAYS?: string;
  /** For how many days an ended session is kept; 30 if not given. */
  SESSION_PURGE_DAYS?: string;
  /** So many seconds after its last viewer left a session ends that names no time itself. */
  SESSION_IDLE_SECONDS?: string;
  /** A host that is away for so many seconds has lost its jobs; 60 if not given. */
  JOB_HOST_AWAY_SECONDS?: string;
  /** Counts attempts with a secret per address; near the caller, approximate, and free. */
  ATTEMPTS: RateLimit;
  /** Counts secrets per address that come with a request and are not known to be good. */
  LOOKUPS: RateLimit;
  /** Counts upgrades per address. */
  UPGRADES: RateLimit;
}

/** There is one registry; this is its name. */
const REGISTRY_NAME = "registry";

export function registry(env: Env): DurableObjectStub<Registry> {
  return env.REGISTRY.get(env.REGISTRY.idFromName(REGISTRY_NAME));
}

/** There is one of these, too: room on a host is for the jobs of all batches. */
const BATCHES_NAME = "batches";

export function batches(env: Env): DurableObjectStub<Batches> {
  return env.BATCHES.get(env.BATCHES.idFromName(BATCHES_NAME));
}

/** @param near where the object is placed, if this call is the first that reaches it */
export function vncSession(
  env: Env,
  sessionId: string,
  near?: LocationHint | null,
): DurableObjectStub<VncSession> {
  const options = near ? { locationHint: near } : {};
  return env.VNC_SESSION.get(env.VNC_SESSION.idFromName(sessionId), options);
}

export function vncHost(env: Env, hostId: string): DurableObjectStub<VncHost> {
  return env.VNC_HOST.get(env.VNC_HOST.idFromName(hostId));
}

export function chatRoom(env: Env, room: string): DurableObjectStub<ChatRoom> {
  return env.CHAT_ROOM.get(env.CHAT_ROOM.idFromName(room));
}

export function panelServer(env: Env, serverId: string): DurableObjectStub<PanelServer> {
  return env.PANEL_SERVER.get(env.PANEL_SERVER.idFromName(serverId));
}
