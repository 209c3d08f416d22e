import type { Page } from "../../protocol/api.ts";
import type { ChatChange, ChatMessage, ClientToRoom, RoomToClient } from "../../protocol/chat.ts";
import { ApiError } from "../api.ts";
import {
  addOutgoing,
  addPage,
  type ChatState,
  changeOutgoing,
  dropOutgoing,
  forgetOld,
  hear,
  markSeen,
  NOTHING_YET,
  newsBetween,
  seenUpTo,
  shownChanges,
  unacknowledged,
} from "./chat-state.ts";
import { loadOutbox, type OutboxStorage, saveOutbox } from "./outbox.ts";

/** The others are told this often that somebody types; the room passes on no more. */
const TYPING_MS = 2_500;

export type Paging = "idle" | "loading" | "failed";

/** Whoever is at the end has so many messages on the page at most, and then so many. */
const MANY_MESSAGES = 600;
const KEPT_MESSAGES = 300;

/** What a page shows of a chat, beside who is there. */
export type ChatView = {
  state: ChatState;
  paging: Paging;
  /** What was asked and not done, as a sentence. */
  notice: string | null;
};

type Surroundings = {
  room: string;
  /** @returns false if the room is away */
  say(message: ClientToRoom): boolean;
  loadPage(before: number | null): Promise<Page<ChatChange>>;
  onView(view: ChatView): void;
  onNews(messages: readonly ChatMessage[]): void;
  onControlRefused(sentence: string): void;
  storage: OutboxStorage;
  now(): number;
  newCid(): string;
};

/** What one person says and hears in a room, whatever its socket does. */
export class Chat {
  readonly #around: Surroundings;
  #view: ChatView = { state: NOTHING_YET, paging: "idle", notice: null };
  #typedAt = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** The last change known, for `?since=`. */
  get since(): number | null {
    return this.#view.state.rev;
  }

  heard(messages: readonly RoomToClient[]): void {
    const before = this.#view.state;
    this.#setState(hear(before, messages));
    const welcome = messages.find(({ type }) => type === "welcome");
    if (welcome) this.#welcomed(before);
    const news = newsBetween(before, this.#view.state);
    if (news.length > 0) this.#around.onNews(news);
    for (const message of messages) {
      if (message.type !== "error" || message.cid !== undefined) continue;
      if (message.answers === "control") this.#around.onControlRefused(message.message);
      else this.#notice(message.message);
    }
  }

  #welcomed(before: ChatState): void {
    const { me } = this.#view.state;
    const isFirst = before.me?.id !== me?.id;
    const kept = isFirst && me ? loadOutbox(this.#around.storage, this.#around.room) : null;
    // Another person may use this tab by now.
    if (kept && kept.me === me?.id) {
      const { outgoing } = this.#view.state;
      const added = kept.outgoing.filter((old) => !outgoing.some(({ cid }) => cid === old.cid));
      this.#setState({ ...this.#view.state, outgoing: [...added, ...outgoing] });
    }
    for (const { cid, text } of unacknowledged(this.#view.state)) {
      this.#around.say({ type: "send", cid, text });
    }
    if (!Number.isFinite(this.#view.state.floor)) void this.loadOlder();
  }

  /** Says something; what becomes of it shows in the view. */
  send(text: string): void {
    const cid = this.#around.newCid();
    const at = new Date(this.#around.now()).toISOString();
    this.#setState(addOutgoing(this.#view.state, cid, text, at));
    this.#around.say({ type: "send", cid, text });
  }

  /** What was not taken is tried once more. */
  retry(cid: string): void {
    const found = this.#view.state.outgoing.find((one) => one.cid === cid);
    if (!found) return;
    this.#setState(changeOutgoing(this.#view.state, cid, { problem: null }));
    this.#around.say({ type: "send", cid, text: found.text });
  }

  discard(cid: string): void {
    this.#setState(dropOutgoing(this.#view.state, cid));
  }

  /** Edits, deletes, and what staff does. @returns false if the room is away */
  ask(message: ClientToRoom): boolean {
    this.#notice(null);
    if (this.#around.say(message)) return true;
    this.#notice("The chat is away for a moment; try that again when it is back.");
    return false;
  }

  typing(): void {
    const now = this.#around.now();
    if (now - this.#typedAt < TYPING_MS) return;
    this.#typedAt = now;
    this.#around.say({ type: "typing" });
  }

  /** Nobody reads what is above the end: of too many messages the oldest can be loaded again. */
  forgetOldest(): void {
    const { state, paging } = this.#view;
    if (paging !== "idle" || shownChanges(state).length <= MANY_MESSAGES) return;
    this.#setState(forgetOld(state, KEPT_MESSAGES));
  }

  /** The person is at the end, and has seen all that is shown. */
  seen(): void {
    this.forgetOldest();
    const last = shownChanges(this.#view.state).at(-1)?.seq ?? 0;
    if (last <= seenUpTo(this.#view.state)) return;
    // A mark that does not get through is told with the next one.
    if (this.#around.say({ type: "read", seq: last })) {
      this.#setState(markSeen(this.#view.state, last));
    }
  }

  /** Loads the messages before those that are shown. */
  async loadOlder(): Promise<void> {
    const { state, paging } = this.#view;
    if (paging === "loading" || state.complete) return;
    const before = state.floor;
    this.#show({ paging: "loading" });
    try {
      const page = await this.#around.loadPage(Number.isFinite(before) ? before : null);
      if (this.#stopped) return;
      this.#setState(addPage(this.#view.state, page, before));
      this.#show({ paging: "idle" });
    } catch (error) {
      if (this.#stopped) return;
      this.#show({ paging: "failed" });
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** The room lets this page in no more: what waits is not said. */
  refused(sentence: string): void {
    let { state } = this.#view;
    for (const { cid } of unacknowledged(state)) {
      state = changeOutgoing(state, cid, { problem: sentence });
    }
    this.#setState(state);
  }

  dismissNotice(): void {
    this.#notice(null);
  }

  /** What is still on its way changes nothing any more. */
  stop(): void {
    this.#stopped = true;
  }

  #notice(notice: string | null): void {
    if (notice !== this.#view.notice) this.#show({ notice });
  }

  #setState(state: ChatState): void {
    const { me, outgoing } = state;
    if (me && outgoing !== this.#view.state.outgoing) {
      saveOutbox(this.#around.storage, this.#around.room, { me: me.id, outgoing });
    }
    this.#show({ state });
  }

  #show(news: Partial<ChatView>): void {
    this.#view = { ...this.#view, ...news };
    this.#around.onView(this.#view);
  }
}
