import type { ChatChange, RoomToClient } from "../../../protocol/chat.ts";
import { CloseCode } from "../../../protocol/close-codes.ts";
import { log } from "../../log.ts";
import { closeQuietly } from "../../sockets.ts";
import { Connection, Parcel, type Who } from "./connection.ts";
import type { History } from "./history.ts";

/** How much may be on its way to one socket, and to all of a room together, in bytes. */
const MAX_UNHEARD = 1024 * 1024;
const MAX_UNHEARD_OF_ALL = 48 * 1024 * 1024;

/** So many times is a client asked whether it reads, within what may be on its way to it. */
const MARKS_A_WINDOW = 16;

/** A client that has all that may be on its way to it, and answers nothing for so long, is cut. */
const STALL_MS = 5_000;

/** How soon what was counted is stored, for when the object sleeps, which is after 10 s. */
const SAVE_AFTER_MS = 2_000;

const NOTHING = new Parcel([]);

/**
 * Brings what happens in a room to its sockets. Changes come to everybody in the order of their
 * `rev`, each once. What many say while storage is busy goes out together, in one frame a socket.
 *
 * A socket is either level with the room and gets what happens as it happens, or behind: then it
 * reads the history from where it is, a piece each time it has said that the last ones arrived. Who
 * connects with `since` starts behind, and who is too slow falls behind. Either way what is on its
 * way to a socket is bounded, and nobody waits for anybody.
 */
export class Delivery {
  readonly #ctx: DurableObjectState;
  readonly #history: History;
  readonly #onLevel: (connection: Connection) => void;
  readonly #onClosed: () => void;
  readonly #connections = new Map<WebSocket, Connection>();
  #pending: ChatChange[] = [];
  #own = new Map<Connection, string[]>();
  /** All changes up to here were sent to those who are level. */
  #sentRev: number;
  #flushing: Promise<void> | null = null;
  /** How many there were when it was last looked, which is every SAVE_AFTER_MS; null to look now. */
  #sockets: number | null = null;
  #saving = false;

  /**
   * @param onLevel a socket that was behind is level: it missed what has no `rev`
   * @param onClosed the room closed sockets: somebody may be gone
   */
  constructor(
    ctx: DurableObjectState,
    history: History,
    on: { level: (connection: Connection) => void; closed: () => void },
  ) {
    this.#ctx = ctx;
    this.#history = history;
    this.#onLevel = on.level;
    this.#onClosed = on.closed;
    this.#sentRev = history.lastRev;
    for (const socket of ctx.getWebSockets()) {
      const connection = Connection.restore(socket);
      if (connection.isOpen) this.#connections.set(socket, connection);
    }
  }

  /** Those who are here. */
  get connections(): Connection[] {
    return [...this.#connections.values()].filter(({ isOpen }) => isOpen);
  }

  /** The one of a socket; of one that is closing, what it was. */
  of(socket: WebSocket): Connection {
    return this.#connections.get(socket) ?? Connection.restore(socket);
  }

  /** Takes a new socket in, which is first sent `hello`, then all changes after `since`. */
  add(
    socket: WebSocket,
    who: Who,
    options: { batched: boolean; since: number | null; hello: (last: number) => RoomToClient[] },
  ): void {
    this.#flushNow(); // so that what it is told of is either before its welcome or after
    const connection = Connection.open(socket, who, options.batched);
    this.#connections.set(socket, connection);
    this.#sockets = null;
    this.tell([connection], ...options.hello(this.#sentRev));
    if (options.since === null || options.since >= this.#sentRev) return;
    connection.setBehind(Math.max(options.since, this.#history.fromRev - 1));
    this.#pump(connection);
  }

  /** Closes sockets: they are not here any more, whether or not the other end answers that. */
  close(connections: readonly Connection[], code: CloseCode, reason: string): void {
    for (const { socket } of connections) {
      this.remove(socket);
      closeQuietly(socket, code, reason);
    }
    this.#onClosed();
  }

  remove(socket: WebSocket): void {
    const connection = this.#connections.get(socket);
    this.#connections.delete(socket);
    this.#sockets = null;
    if (connection) this.#own.delete(connection);
  }

  /** To some sockets, now; what has no `rev` and may be missed by who is behind. */
  tell(connections: readonly Connection[], ...messages: RoomToClient[]): void {
    const parcel = new Parcel(messages);
    const window = this.#window();
    for (const connection of connections) {
      if (connection.unheard + parcel.bytes > window) this.#overflow(connection);
      else connection.send(parcel, window / MARKS_A_WINDOW);
    }
    this.#saveSoon();
  }

  /** The same to all who are level. */
  tellAll(...messages: RoomToClient[]): void {
    this.tell(
      this.connections.filter(({ behind }) => behind === null),
      ...messages,
    );
  }

  /**
   * Sends a change that was just made to all, once it is stored, after `own` to one.
   * @returns when it is sent
   */
  publish(change: ChatChange | null, to: Connection, own: RoomToClient[]): Promise<void> {
    if (change) this.#pending.push(change);
    const texts = this.#own.get(to) ?? [];
    this.#own.set(to, texts.concat(own.map((message) => JSON.stringify(message))));
    // What comes while storage writes is sent with it. (Nothing would leave before it is stored in
    // any case: the runtime holds it back.)
    this.#flushing ??= this.#ctx.storage.sync().then(() => {
      this.#flushing = null;
      this.#flushNow();
    });
    return this.#flushing;
  }

  #flushNow(): void {
    const [changes, own] = [this.#pending, this.#own];
    if (changes.length === 0 && own.size === 0) return;
    [this.#pending, this.#own] = [[], new Map()];
    const before = this.#sentRev;
    this.#sentRev = changes.at(-1)?.rev ?? before;
    const parcel = new Parcel(changes);
    const window = this.#window();
    const markEvery = window / MARKS_A_WINDOW;
    for (const connection of this.#connections.values()) {
      const texts = own.get(connection);
      const fits = connection.unheard + parcel.bytes <= window;
      if (connection.behind === null && fits) {
        connection.send(parcel, markEvery, texts);
        continue;
      }
      if (!connection.isOpen) continue;
      connection.send(NOTHING, markEvery, texts);
      if (changes.length > 0) {
        if (connection.behind === null) connection.setBehind(before);
        this.#pump(connection);
      } else if (!fits) this.#overflow(connection);
    }
    this.#saveSoon();
  }

  /** A client says something, whatever it is. */
  spoke(connection: Connection): void {
    connection.spoke();
    this.#saveSoon();
  }

  /**
   * A client says that what it was sent has arrived; if it is behind it gets more.
   * @returns false if it was not asked that
   */
  heard(connection: Connection, mark: string): boolean {
    if (!connection.heard(mark)) return false;
    if (connection.behind !== null) this.#pump(connection);
    this.#saveSoon();
    return true;
  }

  /** Sends a socket that is behind as much as may be on its way. */
  #pump(connection: Connection): void {
    const window = this.#window();
    while (connection.behind !== null && connection.isOpen) {
      const changes = this.#history.changes(connection.behind, this.#sentRev);
      const last = changes.at(-1);
      if (!last) {
        connection.setBehind(null);
        this.#onLevel(connection);
        return;
      }
      const parcel = new Parcel(changes);
      // One piece always goes if nothing is waited for, however large it is.
      if (!connection.isAnswered && connection.unheard + parcel.bytes > window) {
        this.#overflow(connection);
        return;
      }
      connection.send(parcel, window / MARKS_A_WINDOW);
      connection.setBehind(last.rev);
    }
  }

  /** All that may be on its way to a socket is: who would say what arrives is given some time. */
  #overflow(connection: Connection): void {
    if (connection.batched && connection.fullFor() < STALL_MS) return;
    log("chat.cut", { room: this.#ctx.id.name, member: connection.who.me.id });
    const reason = "You read too slowly for this room; connect again, with since, to go on.";
    this.close([connection], CloseCode.tooMany, reason);
  }

  /** How much may be on its way to each socket; sockets that are closing hold theirs, too. */
  #window(): number {
    this.#sockets ??= this.#ctx.getWebSockets().length;
    return Math.min(MAX_UNHEARD, MAX_UNHEARD_OF_ALL / Math.max(1, this.#sockets));
  }

  /** The object does not sleep while this timer runs, so what it stores then is how things are. */
  #saveSoon(): void {
    if (this.#saving) return;
    this.#saving = true;
    setTimeout(() => {
      this.#saving = false;
      this.#sockets = null; // the runtime counts one that is closing for a while
      for (const connection of this.#connections.values()) connection.saveIfDirty();
    }, SAVE_AFTER_MS);
  }
}
