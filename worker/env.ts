import type { LocationHint } from "./location.ts";
import type { Batches } from "./objects/batch.ts";
import type { ChatRoom } from "./objects/chat-room.ts";
import type { PanelServer } from "./objects/panel-server.ts";
import type { Registry } from "./objects/registry.ts";
import type { VncHost } from "./objects/vnc-host.ts";
import type { VncSession } from "./objects/vnc-session.ts";
import type { Settings } from "./settings.ts";

/** What wrangler.toml binds, and the secrets and settings of the operator (settings.ts). */
export interface Env extends Settings {
  VNC_SESSION: DurableObjectNamespace<VncSession>;
  VNC_HOST: DurableObjectNamespace<VncHost>;
  CHAT_ROOM: DurableObjectNamespace<ChatRoom>;
  REGISTRY: DurableObjectNamespace<Registry>;
  PANEL_SERVER: DurableObjectNamespace<PanelServer>;
  BATCHES: DurableObjectNamespace<Batches>;
  /** A secret. Without it nobody can sign in, and the API says so. */
  ADMIN_TOKEN?: string;
  /** The pages and what they load, as they were built. */
  ASSETS: Fetcher;
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
