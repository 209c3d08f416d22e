import type { Page } from "../../protocol/api.ts";
import {
  type ChatChange,
  type ChatMessage,
  type ClientToRoom,
  type RoomToClient,
  storedText,
} from "../../protocol/chat.ts";
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
  type Outgoing,
  seenUpTo,
  shownChanges,
  unacknowledged,
} from "./chat-state.ts";
import { loadOutbox, saveOutbox } from "./outbox.ts";
import { Pace } from "./pace.ts";
import {
  addRevision,
  dropRevision,
  type Revision,
  refuseRevisions,
  wantedRevisions,
} from "./revisions.ts";
import type { TabStorage } from "./tab-storage.ts";

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
  /** Dials a room that let this page in no more. */
  rejoin(): void;
  loadPage(before: number | null): Promise<Page<ChatChange>>;
  onView(view: ChatView): void;
  onNews(messages: readonly ChatMessage[]): void;
  onControlRefused(sentence: string): void;
  storage: TabStorage;
  now(): number;
  setTimer(run: () => void, ms: number): number;
  clearTimer(timer: number): void;
  newCid(): string;
};

/** A message that waits, by its `cid`; or the edit of one, by its `seq`. */
type Waiting = string | number;

/** What one person says and hears in a room, whatever its socket does. */
export class Chat {
  readonly #around: Surroundings;
  readonly #pace = new Pace();
  #view: ChatView = { state: NOTHING_YET, paging: "idle", notice: null };
  /** What this socket was told: what is tried again is another object. */
  #said = new WeakSet<Outgoing | Revision>();
  #timer: number | null = null;
  /** Why the room lets this page in no more. */
  #refused: string | null = null;
  /** What is to be tried again once it does. */
  readonly #retried = new Set<Waiting>();
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
      if (message.type === "error" && !this.#showsRefused(message)) this.#notice(message.message);
    }
  }

  /** Whether what the room refuses is said where it was asked. */
  #showsRefused({ answers, message, cid, seq }: RoomToClient & { type: "error" }): boolean {
    if (answers === "control") this.#around.onControlRefused(message);
    const edit = this.#view.state.revisions.find((one) => one.seq === seq);
    return answers === "control" || cid !== undefined || edit?.problem != null;
  }

  #welcomed(before: ChatState): void {
    const { me, epoch } = this.#view.state;
    this.#refused = null;
    this.#said = new WeakSet();
    if (before.me?.id !== me?.id) this.#takeKept();
    for (const which of this.#retried) this.retry(which);
    this.#retried.clear();
    this.#flush();
    // A page that was asked for before all was forgotten is waited for no more.
    if (epoch !== before.epoch) this.#show({ paging: "idle" });
    if (!Number.isFinite(this.#view.state.floor)) void this.loadOlder();
  }

  /** Takes what waited when the page went away. */
  #takeKept(): void {
    const { me, outgoing, revisions } = this.#view.state;
    const found = loadOutbox(this.#around.storage, this.#around.room);
    // Another person may use this tab by now.
    const kept = found?.me === me?.id ? found : null;
    if (!kept && outgoing.length === 0) return;
    const isNew = ({ cid }: Outgoing) => !outgoing.some((one) => one.cid === cid);
    this.#setState({
      ...this.#view.state,
      outgoing: [...(kept?.outgoing.filter(isNew) ?? []), ...outgoing],
      revisions: [...(kept?.revisions ?? []), ...revisions],
    });
  }

  /** Says something; what becomes of it shows in the view. */
  send(text: string): void {
    const cid = this.#around.newCid();
    const at = new Date(this.#around.now()).toISOString();
    this.#notice(null); // who goes on has read it
    this.#setState(addOutgoing(this.#view.state, cid, text, at));
    this.#flush();
  }

  /** What was not taken is tried once more. */
  retry(which: Waiting): void {
    if (this.#refused !== null) {
      this.#retried.add(which);
      this.#around.rejoin();
      return;
    }
    const { state } = this.#view;
    const edit = state.revisions.find(({ seq }) => seq === which);
    if (edit) this.#revise(edit.seq, edit.text);
    else this.#setState(changeOutgoing(state, String(which), { problem: null }));
    this.#flush();
  }

  discard(which: Waiting): void {
    const { state } = this.#view;
    if (typeof which === "string") this.#setState(dropOutgoing(state, which));
    else this.#setState({ ...state, revisions: dropRevision(state.revisions, which) });
  }

  /**
   * Edits and deletes, which wait for the room if it is away, and what staff does.
   * @returns false if it is not asked
   */
  ask(message: ClientToRoom): boolean {
    this.#notice(this.#refused);
    if (this.#refused !== null) return false;
    if (message.type === "edit" || message.type === "delete") {
      this.#revise(message.seq, message.type === "edit" ? storedText(message.text) : null);
      this.#flush();
      return true;
    }
    if (this.#around.say(message)) return true;
    this.#notice("The chat is away for a moment; try that again when it is back.");
    return false;
  }

  #revise(seq: number, text: string | null): void {
    const { state } = this.#view;
    const revisions = addRevision(state.revisions, { seq, text, after: state.rev ?? 0 });
    this.#setState({ ...state, revisions });
  }

  /** Tells the room what it has not shown, each once a socket, and no faster than it takes it. */
  #flush(): void {
    const { state } = this.#view;
    for (const one of [...unacknowledged(state), ...wantedRevisions(state.revisions)]) {
      if (this.#said.has(one)) continue;
      const waitMs = this.#pace.waitMs(this.#around.now());
      if (waitMs > 0) return this.#flushIn(waitMs);
      if (!this.#around.say(messageFor(one))) return;
      this.#said.add(one);
      this.#pace.took();
    }
  }

  #flushIn(waitMs: number): void {
    this.#timer ??= this.#around.setTimer(() => {
      this.#timer = null;
      this.#flush();
    }, waitMs);
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
    const isStale = () => this.#stopped || this.#view.state.epoch !== state.epoch;
    this.#show({ paging: "loading" });
    try {
      const page = await this.#around.loadPage(Number.isFinite(before) ? before : null);
      if (isStale()) return;
      this.#setState(addPage(this.#view.state, page, before));
      this.#show({ paging: "idle" });
    } catch (error) {
      if (isStale()) return;
      this.#show({ paging: "failed" });
      if (!(error instanceof ApiError)) throw error;
    }
  }

  /** The room lets this page in no more: what waits is not said. */
  refused(sentence: string): void {
    this.#refused = sentence;
    let { state } = this.#view;
    for (const { cid } of unacknowledged(state)) {
      state = changeOutgoing(state, cid, { problem: sentence });
    }
    const revisions = refuseRevisions(state.revisions, sentence);
    if (revisions.length < state.revisions.length) {
      this.#notice(`Nothing was deleted. ${sentence}`);
    }
    this.#setState({ ...state, revisions });
  }

  dismissNotice(): void {
    this.#notice(null);
  }

  /** What is still on its way changes nothing any more. */
  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) this.#around.clearTimer(this.#timer);
  }

  #notice(notice: string | null): void {
    if (notice !== this.#view.notice) this.#show({ notice });
  }

  #setState(state: ChatState): void {
    const { me, outgoing, revisions } = state;
    const { state: before } = this.#view;
    if (me && (outgoing !== before.outgoing || revisions !== before.revisions)) {
      saveOutbox(this.#around.storage, this.#around.room, { me: me.id, outgoing, revisions });
    }
    this.#show({ state });
  }

  #show(news: Partial<ChatView>): void {
    this.#view = { ...this.#view, ...news };
    this.#around.onView(this.#view);
  }
}

function messageFor(waiting: Outgoing | Revision): ClientToRoom {
  const { text } = waiting;
  if ("cid" in waiting) return { type: "send", cid: waiting.cid, text: waiting.text };
  const { seq } = waiting;
  return text === null ? { type: "delete", seq } : { type: "edit", seq, text };
}
