import type { Context } from "hono";
import type * as v from "valibot";
import { ListSessions, type Page, type Session } from "../../protocol/api.ts";
import { isId } from "../../protocol/ids.ts";
import { MAX_PAGE_ITEMS } from "../../protocol/limits.ts";
import { registry } from "../env.ts";
import type { AppEnv } from "../identity/callers.ts";
import type { IndexedSession } from "../objects/registry/session-index.ts";
import { type SessionState, sessionState } from "../objects/session/session-row.ts";
import { OPEN_STATES, type StoredState } from "../objects/session/stored-state.ts";
import { ProblemError } from "../problem.ts";
import { readQuery } from "./body.ts";
import { withUrls } from "./session-urls.ts";
import { look, type Placed } from "./sights.ts";

/**
 * `GET /api/vnc/sessions?status=&host_id=&batch_id=&cursor=&limit=`: newest first, from the index
 * and what the hosts of the page say. A page asks no session and each of its hosts once.
 */
export async function listSessions(c: Context<AppEnv>): Promise<Response> {
  const { status, cursor, limit = MAX_PAGE_ITEMS, ...filter } = readQuery(c, ListSessions);
  const isSeen = status === "active" || status === "unreachable";
  // Whether an open one is active is known once its host was asked: a page looks at so many of them
  // at most, and holds those that are.
  const wanted = isSeen ? MAX_PAGE_ITEMS : limit;
  const rows = await registry(c.env).sessions.page(
    {
      ...filter,
      states: statesOf(status),
      after: cursor === undefined ? undefined : parseCursor(cursor),
    },
    wanted + 1,
  );
  const looked = await see(c, rows.slice(0, wanted));
  const matching = isSeen ? looked.filter(({ state }) => state.status === status) : looked;
  const held = matching.slice(0, limit);
  const isMore = matching.length > limit || rows.length > wanted;
  const last = matching.length > limit ? held.at(-1) : looked.at(-1);
  const page: Page<Session> = {
    items: held.map(({ state }) => withUrls(c, state)),
    next_cursor: isMore && last ? cursorOf(last) : null,
  };
  return c.json(page);
}

/** The stored states that sessions of a status are in. */
function statesOf(status: v.InferOutput<typeof ListSessions>["status"]): readonly StoredState[] {
  if (status === undefined) return OPEN_STATES;
  if (status === "all") return [...OPEN_STATES, "failed", "ended"];
  if (status === "active" || status === "unreachable") return ["open"];
  return [status];
}

/** `created_at` in ms since the epoch. */
type Seen = { created_at: number; state: SessionState };

/** The sessions of a page as they are now, in their order. */
async function see(c: Context<AppEnv>, rows: readonly IndexedSession[]): Promise<Seen[]> {
  const open = rows.flatMap(({ session }): Placed[] => {
    const { state, session_id, host_id, vnc_port, address = null } = session;
    const isPlaced = state === "open" && host_id !== null && vnc_port !== null;
    return isPlaced ? [{ session_id, host_id, vnc_port, address }] : [];
  });
  const sightOf = await look(c, open);
  return rows.map(({ created_at, session }) => ({
    created_at,
    state: sessionState(session, sightOf(session.session_id)),
  }));
}

/** A place in a list that stays where it is, whatever is made or ends meanwhile. */
function cursorOf({ created_at, state }: Seen): string {
  return `${created_at}.${state.session_id}`;
}

function parseCursor(cursor: string): { created_at: number; session_id: string } {
  const [, createdAt = "", id = ""] = /^(\d{1,15})\.(.*)$/.exec(cursor) ?? [];
  if (!isId(id)) {
    const detail = "cursor must be the next_cursor of a page before; leave it out to begin anew.";
    throw new ProblemError(400, "invalid_query", detail);
  }
  return { created_at: Number(createdAt), session_id: id };
}
