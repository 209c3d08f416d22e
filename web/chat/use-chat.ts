import { useEffect, useRef, useState } from "preact/hooks";
import type { ChatMessage, RoomToClient } from "../../protocol/chat.ts";
import { listMessages } from "../api.ts";
import { openEdgeSocket } from "../feed/edge-socket.ts";
import { onWake, pageClock } from "../page-clock.ts";
import { RoomConnection, type RoomState } from "../viewer/room.ts";
import { Chat, type ChatView } from "./chat.ts";
import { NOTHING_YET } from "./chat-state.ts";
import { tabStorage } from "./tab-storage.ts";

/** Somebody who typed is said to type for so long after. */
const TYPING_SHOWN_MS = 4_000;

/** More than that at once are counted: nobody wants to hear them read out. */
const READ_OUT = 3;

/** A room, joined for as long as the page shows it. */
export type ChatOfPage = {
  room: RoomState;
  view: ChatView;
  /** null while no room is joined. */
  chat: Chat | null;
  connection: RoomConnection | null;
  /** The ids of those who type. */
  typing: readonly string[];
  /** What came last, for those who hear the page. */
  news: string;
};

type Joined = { chat: Chat; connection: RoomConnection };

const NOWHERE: RoomState = {
  link: "joining",
  refused: null,
  me: null,
  members: [],
  control: null,
};
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
  const [news, setNews] = useState("");
  const { typing, heard: typed, forget } = useTyping();
  const tell = useRef(onControlRefused);
  tell.current = onControlRefused;

  useEffect(() => {
    if (name === null) return;
    const chat = new Chat({
      room: name,
      say: (message) => connection.say(message),
      loadPage: (before) => listMessages(name, before),
      onView: setView,
      onNews: (messages) => {
        const told = describeNews(messages);
        // The same words once more are read out only if the text is another one.
        setNews((before) => (before === told ? `${told}\u00a0` : told));
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
        setRoom(state);
        if (state.refused !== null) chat.refused(state.refused);
      },
      onHeard: (messages) => {
        chat.heard(messages);
        typed(messages);
      },
    });
    const stopWaking = onWake(() => connection.wake());
    setJoined({ chat, connection });
    connection.join();
    return () => {
      stopWaking();
      chat.stop();
      connection.stop();
      forget();
      setJoined(null);
      setRoom(NOWHERE);
      setView(NOTHING);
      setNews("");
    };
  }, [name]);

  const { chat = null, connection = null } = joined ?? {};
  return { room, view, chat, connection, typing, news };
}

function describeNews(messages: readonly ChatMessage[]): string {
  if (messages.length > READ_OUT) return `${messages.length} new chat messages.`;
  return messages.map(({ from, text }) => `${from.name} says: ${text}`).join(" ");
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
