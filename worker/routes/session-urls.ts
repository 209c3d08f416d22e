import type { Context } from "hono";
import type { Session } from "../../protocol/api.ts";
import { ownOrigin } from "../identity/origins.ts";
import type { SessionState } from "../objects/session/session-row.ts";

/** A session with its URLs. Both follow the request's own scheme and host, behind any domain. */
export function withUrls(c: Context, state: SessionState): Session {
  return {
    ...state,
    websocket_url: streamUrl(c, state.session_id),
    view_url: `${ownOrigin(c.req.raw)}/view/${state.session_id}`,
  };
}

/** Where a viewer connects, with a ticket if one is given. */
export function streamUrl(c: Context, sessionId: string, ticket?: string): string {
  const origin = ownOrigin(c.req.raw).replace(/^http/, "ws");
  return `${origin}/vnc-stream/${sessionId}${ticket === undefined ? "" : `?ticket=${ticket}`}`;
}
