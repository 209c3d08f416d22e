import * as v from "valibot";
import { CloseCode } from "../../../protocol/close-codes.ts";
import { WatcherToEdge } from "../../../protocol/events.ts";
import {
  MAX_WATCH_MS,
  MAX_WATCHERS,
  MAX_WATCHERS_OF_ONE,
  WATCHER_SILENCE_MS,
} from "../../../protocol/limits.ts";
import { log } from "../../log.ts";
import { problemResponse, type Refusal } from "../../problem.ts";
import { closeQuietly } from "../../sockets.ts";
import {
  attachWatcher,
  type Feed,
  openSockets,
  sendEvent,
  type Watcher,
  watcherOf,
} from "./feed.ts";

/** Carries who watches, as JSON, from the Worker to the registry. */
export const WATCHER_HEADER = "x-porthole-watcher";
export type WatcherEntry = Pick<Watcher, "via" | "staff">;

/** The sockets of `/api/events`. They hibernate; what is known of a watcher is attached to its own. */
export class Watchers {
  readonly #ctx: DurableObjectState;
  readonly #feed: Feed;
  readonly #isHeld: (via: string) => boolean;

  /** @param isHeld whether a credential still is one */
  constructor(ctx: DurableObjectState, feed: Feed, isHeld: (via: string) => boolean) {
    this.#ctx = ctx;
    this.#feed = feed;
    this.#isHeld = isHeld;
  }

  get count(): number {
    return openSockets(this.#ctx).length;
  }

  /**
   * An upgrade with WATCHER_HEADER and `?since=<seq>`, from the Worker. Whether the credential still
   * holds is looked at again: between that and the accepted socket nothing else runs.
   */
  accept(request: Request): Response {
    const { via, staff } = JSON.parse(request.headers.get(WATCHER_HEADER) ?? "") as WatcherEntry;
    if (!this.#isHeld(via)) return problemResponse(REVOKED);
    // Those that are closing count too: until they are gone, what they did not read is in memory.
    const sockets = this.#ctx.getWebSockets();
    const own = sockets.filter((socket) => watcherOf(socket).via === via).length;
    if (sockets.length >= MAX_WATCHERS || own >= MAX_WATCHERS_OF_ONE) {
      log("events.refused", { via, own, all: sockets.length });
      return problemResponse(TOO_MANY);
    }
    const wanted = new URL(request.url).searchParams.get("since");
    const last = this.#feed.lastSeq();
    const since = wanted === null ? last : Number(wanted);
    const missed = this.#feed.after(since, staff);
    const from = missed ? since : last;

    const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.#ctx.acceptWebSocket(server);
    const now = Date.now();
    attachWatcher(server, { via, staff, since: now, heard: now, seen: from });
    sendEvent(server, { kind: missed ? "ready" : "reset", seq: from });
    for (const change of missed ?? []) sendEvent(server, change);
    log("events.opened", { via, since: wanted, replayed: missed?.length ?? null });
    return new Response(null, { status: 101, webSocket: client });
  }

  /** A watcher says what it has seen. */
  hear(socket: WebSocket, data: string | ArrayBuffer): void {
    const seen = parseSeen(data);
    if (seen === null) {
      const reason = 'Say "ping", or {"seen": <the seq of the last change that you read>}.';
      return closeQuietly(socket, CloseCode.malformed, reason);
    }
    const watcher = watcherOf(socket);
    const read = this.#feed.readUpTo(Math.max(watcher.seen, seen), watcher.staff);
    attachWatcher(socket, { ...watcher, heard: Date.now(), seen: read });
  }

  /** A credential was revoked. */
  cut(via: string, reason: string): void {
    for (const socket of openSockets(this.#ctx)) {
      if (watcherOf(socket).via === via) closeQuietly(socket, CloseCode.unauthorized, reason);
    }
  }

  /** Closes those that are gone without a word, and those that have been here for long enough. */
  tidy(): void {
    const now = Date.now();
    for (const socket of openSockets(this.#ctx)) {
      const { via, since, heard } = watcherOf(socket);
      const pinged = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
      if (now - Math.max(heard, pinged) >= WATCHER_SILENCE_MS) {
        closeQuietly(socket, CloseCode.goingAway, SILENT);
      } else if (now - since >= MAX_WATCH_MS) {
        closeQuietly(socket, CloseCode.goingAway, "Connect again with ?since=, and go on.");
      } else if (!this.#isHeld(via)) {
        closeQuietly(socket, CloseCode.unauthorized, REVOKED.detail);
      }
    }
  }
}

const SILENT = `Nothing came from you for ${WATCHER_SILENCE_MS / 1000} s; say "ping" every 20 s.`;

/** Longer than any number. */
const MAX_WATCHER_MESSAGE_CHARACTERS = 100;

function parseSeen(data: string | ArrayBuffer): number | null {
  if (typeof data !== "string" || data.length > MAX_WATCHER_MESSAGE_CHARACTERS) return null;
  try {
    const parsed = v.safeParse(WatcherToEdge, JSON.parse(data));
    return parsed.success ? parsed.output.seen : null;
  } catch {
    return null;
  }
}

const REVOKED: Refusal = {
  status: 401,
  code: "revoked",
  detail: "This credential was revoked.",
};

const TOO_MANY: Refusal = {
  status: 429,
  code: "too_many_watchers",
  detail: `Of one credential ${MAX_WATCHERS_OF_ONE} can watch, and ${MAX_WATCHERS} of all; close one and connect again.`,
};
