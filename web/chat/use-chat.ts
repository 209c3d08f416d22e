import type { RefObject } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { PresentMember, RoomToClient } from "../../protocol/chat.ts";
import { listMessages } from "../api.ts";
import { openEdgeSocket } from "../feed/edge-socket.ts";
import { onWake, pageClock } from "../page-clock.ts";
import { NOWHERE, RoomConnection, type RoomState } from "../viewer/room.ts";
import { Chat, type ChatView } from "./chat.ts";
import { NOTHING_YET } from "./chat-state.ts";
import { authorNames } from "./lines.ts";
import { addNews, type News } from "./news.ts";
import { useRunning } from "./running.ts";
import { tabStorage } from "./tab-storage.ts";
import { type Removals, useRemovals } from "./use-removals.ts";

/** Somebody who typed is said to type for so long after. */
const TYPING_SHOWN_MS = 4_000;

/** A room, joined for as long as the page shows it. */
export type ChatOfPage = {
  room: RoomState;
  view: ChatView;
  /** null while no room is joined. */
  chat: Chat | null;
  connection: RoomConnection | null;
  /** What to call everybody, by their ids. */
  names: ReadonlyMap<string, string>;
  /** The ids of those who type. */
  typing: readonly string[];
  /** The ids of those whom nobody hears for now. */
  muted: ReadonlySet<string>;
  /** Whom this page had removed; kept while the chat itself is closed. */
  removals: Removals;
  /** What came last, for those who hear the page. */
  news: readonly News[];
  /** Whether nobody reads what is above the end of the log; whoever shows it says so. */
  atEnd: RefObject<boolean>;
};

type Joined = { chat: Chat; connection: RoomConnection };

const NOTHING: ChatView = { state: NOTHING_YET, paging: "idle", notice: null };

/**
 * Joins a room, and joins again by itself.
 * @param name null for none
 * @param onControlRefused hears why what was asked about control was not done
 */
export function useChat(
  name: string | null,
  onControlRefused: (sentence: string) => void = () => {},
): ChatOfPage {
  const [room, setRoom] = useState(NOWHERE);
  const [view, setView] = useState(NOTHING);
  const [joined, setJoined] = useState<Joined | null>(null);
  const [news, setNews] = useState<readonly News[]>([]);
  const atEnd = useRef(true);
  const { chat = null, connection = null } = joined ?? {};
  const typing = useTyping();
  const removals = useRemovals(chat);
  const tell = useRef(onControlRefused);
  tell.current = onControlRefused;

  useEffect(() => {
    if (name === null) return;
    let told = { state: NOTHING.state, members: NOWHERE.members };
    const chat = new Chat({
      room: name,
      say: (message) => connection.say(message),
      loadPage: (before) => listMessages(name, before),
      onView: (next) => {
        told = { ...told, state: next.state };
        setView(next);
      },
      onNews: (messages) => {
        const called = authorNames(told.state, told.members);
        setNews((before) => addNews(before, messages, called));
      },
      onControlRefused: (sentence) => tell.current(sentence),
      rejoin: () => connection.wake(),
      storage: tabStorage,
      ...pageClock,
      newCid: () => crypto.randomUUID(),
    });
    const connection = new RoomConnection({
      ...pageClock,
      openSocket: (events) => openEdgeSocket(`/chat-ws?room=${name}&batch=1`, chat.since, events),
      onState: (state) => {
        told = { ...told, members: state.members };
        setRoom(state);
        if (state.refused !== null) chat.refused(state.refused);
      },
      onHeard: (messages) => {
        chat.heard(messages);
        if (atEnd.current) chat.forgetOldest();
        typing.heard(messages);
        removals.heard(messages);
      },
    });
    const stopWaking = onWake(() => connection.wake());
    setJoined({ chat, connection });
    connection.join();
    return () => {
      stopWaking();
      chat.stop();
      connection.stop();
      typing.forget();
      removals.forget();
      setJoined(null);
      setRoom(NOWHERE);
      setView(NOTHING);
      setNews([]);
    };
  }, [name]);

  const { members } = room;
  const names = useMemo(() => authorNames(view.state, members), [view.state, members]);
  const mutes = useMemo(() => mutesOf(members), [members]);
  return {
    ...{ room, view, chat, connection, names, news, atEnd },
    typing: typing.typing,
    muted: useRunning(mutes),
    removals: removals.removals,
  };
}

/** When each of those who are muted is heard again, in ms since 1970. */
function mutesOf(members: readonly PresentMember[]): ReadonlyMap<string, number> {
  return new Map(
    members.flatMap(({ id, muted_until }) =>
      muted_until === undefined ? [] : [[id, Date.parse(muted_until)]],
    ),
  );
}

/** Who types: nobody says that they stopped. */
function useTyping() {
  const [typing, setTyping] = useState<readonly string[]>([]);
  const timers = useRef(new Map<string, number>());
  const tools = useRef({
    heard(messages: readonly RoomToClient[]) {
      for (const message of messages) {
        if (message.type === "typing") start(message.member);
        // Who has said it types it no more.
        else if (message.type === "message") stop(message.from.id);
      }
    },
    forget() {
      for (const id of [...timers.current.keys()]) stop(id);
    },
  });
  const stop = (id: string) => {
    const timer = timers.current.get(id);
    if (timer === undefined) return;
    clearTimeout(timer);
    timers.current.delete(id);
    setTyping([...timers.current.keys()]);
  };
  const start = (id: string) => {
    clearTimeout(timers.current.get(id));
    timers.current.set(
      id,
      window.setTimeout(() => stop(id), TYPING_SHOWN_MS),
    );
    setTyping([...timers.current.keys()]);
  };
  return { typing, ...tools.current };
}
