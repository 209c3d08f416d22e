import type { Context } from "hono";
import { registry } from "../env.ts";
import { type AppEnv, person } from "../identity/callers.ts";
import { WATCHER_HEADER, type WatcherEntry } from "../objects/registry/watchers.ts";
import { ProblemError } from "../problem.ts";
import { relay } from "./sessions.ts";

/** `/api/events?since=<seq>`: the changes of hosts, sessions and support rooms, as they come. */
export async function events(c: Context<AppEnv>): Promise<Response> {
  const since = c.req.query("since");
  if (since !== undefined && !/^\d{1,15}$/.test(since)) {
    const detail = "since must be the seq of the last change that you read; leave it out at first.";
    throw new ProblemError(400, "invalid_query", detail);
  }
  const query = since === undefined ? "" : `?since=${since}`;
  const headers = new Headers(c.req.raw.headers);
  const { via, role } = person(c);
  // Who may read the inbox (app.ts) hears of its rooms.
  const entry: WatcherEntry = { via, staff: role !== "viewer" };
  headers.set(WATCHER_HEADER, JSON.stringify(entry));
  return relay(await registry(c.env).fetch(`https://registry/events${query}`, { headers }));
}
