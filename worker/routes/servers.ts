import type { Context } from "hono";
import type { DisabledServer, ServerConsole, ServerLookUp } from "../../protocol/api.ts";
import { panelServer } from "../env.ts";
import type { AppEnv } from "../identity/callers.ts";
import { unwrap } from "../problem.ts";
import { callerOf, record } from "./audit.ts";
import { pathId } from "./body.ts";
import { withUrls } from "./session-urls.ts";

/** `POST /api/servers/:serverId/vnc/enable`: the server's console, in one session however often. */
export async function enableVnc(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "serverId");
  const enabled = unwrap(await panelServer(c.env, id).enable(id, callerOf(c)));
  const { session, switched_on, queue_id } = enabled;
  const how = switched_on ? "switched on" : "left as it was";
  await record(c, "server.vnc_enabled", id, `session ${session.session_id}, ${how}`);
  const console: ServerConsole = {
    ...withUrls(c, session),
    server_id: id,
    enabled: true,
    queue_id,
  };
  return c.json(console);
}

/** `POST /api/servers/:serverId/vnc/disable` */
export async function disableVnc(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "serverId");
  const { session_id, queue_id } = unwrap(await panelServer(c.env, id).disable(id, callerOf(c)));
  await record(c, "server.vnc_disabled", id, session_id && `session ${session_id}`);
  const disabled: DisabledServer = { server_id: id, enabled: false, session_id, queue_id };
  return c.json(disabled);
}

/** `GET /api/servers/:serverId/vnc`: what the panel says, and the session that is open. */
export async function getVnc(c: Context<AppEnv>): Promise<Response> {
  const id = pathId(c, "serverId");
  const { session, ...rest } = unwrap(await panelServer(c.env, id).lookUp(id));
  const found: ServerLookUp = { server_id: id, ...rest, session: session && withUrls(c, session) };
  return c.json(found);
}
