import type { Page } from "../../protocol/api.ts";
import type {
  ChatChange,
  ChatMessage,
  ClientToRoom,
  Member,
  RoomToClient,
} from "../../protocol/chat.ts";
import { Chat, type ChatView } from "../../web/chat/chat.ts";
import type { TabStorage } from "../../web/chat/tab-storage.ts";

export const ANN: Member = { id: "a", name: "Ann", role: "operator" };
export const BEN: Member = { id: "b", name: "Ben", role: "guest" };
export const AT = "2026-11-22T10:00:00.000Z";

/** A room that answers nothing by itself, and a tab that may be loaded again. */
export class Tab {
  readonly said: ClientToRoom[] = [];
  readonly news: string[] = [];
  readonly refusals: string[] = [];
  /** How often the room was dialled since somebody wanted that. */
  rejoins = 0;
  readonly pages: { before: number | null; answer: PromiseWithResolvers<Page<ChatChange>> }[] = [];
  readonly chat: Chat;
  away = false;
  now = 0;
  timer: { run: () => void; due: number } | null = null;
  view: ChatView | null = null;

  constructor(storage: TabStorage, cids: Iterator<string>) {
    this.chat = new Chat({
      room: "session:s",
      say: (message) => {
        if (!this.away) this.said.push(message);
        return !this.away;
      },
      rejoin: () => {
        this.rejoins += 1;
      },
      loadPage: (before) => {
        const answer = Promise.withResolvers<Page<ChatChange>>();
        this.pages.push({ before, answer });
        return answer.promise;
      },
      onView: (view) => {
        this.view = view;
      },
      onNews: (messages) => this.news.push(...messages.map(({ text }) => text)),
      onControlRefused: (sentence) => this.refusals.push(sentence),
      storage,
      now: () => this.now,
      setTimer: (run, ms) => {
        this.timer = { run, due: this.now + ms };
        return 1;
      },
      clearTimer: () => {
        this.timer = null;
      },
      newCid: () => cids.next().value ?? "",
    });
  }

  hears(...messages: RoomToClient[]): void {
    this.chat.heard(messages);
  }

  welcome(me = ANN, last_rev = 0, from_rev = 1): void {
    this.hears({ type: "welcome", me, members: [me], last_rev, from_rev, reads: [] });
  }

  /** Lets the next timer run. @returns false if there is none */
  tick(): boolean {
    const { timer } = this;
    if (!timer) return false;
    this.timer = null;
    this.now = timer.due;
    timer.run();
    return true;
  }

  /** What was sent, by its cid. */
  get sent(): string[] {
    return this.said.flatMap((message) => (message.type === "send" ? [message.cid] : []));
  }

  /** What was asked to change, as it was said. */
  get asked(): ClientToRoom[] {
    return this.said.filter(({ type }) => type === "edit" || type === "delete");
  }

  get waiting(): string[] {
    return this.view?.state.outgoing.map(({ cid }) => cid) ?? [];
  }
}

/** A message whose number is its change: nothing was changed before. */
export function message(seq: number, from: Member, cid: string): ChatMessage {
  return { type: "message", rev: seq, seq, cid, from, text: `text ${seq}`, at: AT };
}

/** What a tab keeps, as long as nobody closes it. */
export function memoryStorage(): TabStorage {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}
