import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { ChevronDownIcon } from "../icons.tsx";
import { dayOf } from "../time.ts";
import { seenUpTo, unseenMessages } from "./chat-state.ts";
import { authorNames, type Line, linesOf, readersOf } from "./lines.ts";
import { Message, OutgoingMessage } from "./message.tsx";
import type { ChatOfPage } from "./use-chat.ts";

/** So near to an end of the log counts as at it, in CSS pixels. */
const NEAR_PX = 48;

type MessageLogProps = {
  page: ChatOfPage;
  /** What stands where nothing was said yet. */
  empty: string;
  onEdit(seq: number, text: string): void;
};

/** What was said, in its order: it stays where its reader is, whatever is added above or below. */
export function MessageLog({ page, empty, onEdit }: MessageLogProps) {
  const { view, room, chat } = page;
  const { state, paging } = view;
  const box = useRef<HTMLDivElement>(null);
  const unseen = useMemo(() => unseenMessages(state), [state]);
  const [newAfter, setNewAfter] = useState(() => (unseen.length > 0 ? seenUpTo(state) : null));
  const lines = useMemo(() => linesOf(state, newAfter), [state, newAfter]);
  const names = useMemo(() => authorNames(state, room.members), [state, room.members]);
  const read = useMemo(() => readersOf(state, room.members), [state, room.members]);
  const isLoaded = Number.isFinite(state.floor);
  const here = room.link === "here";
  const { atEnd, toEnd, onScroll } = usePlace(box, lines, isLoaded, () => void chat?.loadOlder());

  // null until there is something to compare with.
  const hadUnseen = useRef(isLoaded ? unseen.length > 0 : null);
  const look = () => {
    if (!isLoaded || document.hidden) return;
    if (atEnd()) chat?.seen();
  };
  useLayoutEffect(() => {
    if (!isLoaded) return;
    const isAway = hadUnseen.current === null || document.hidden || !atEnd();
    if (unseen.length > 0 && hadUnseen.current !== true && isAway) setNewAfter(seenUpTo(state));
    hadUnseen.current = unseen.length > 0;
  }, [unseen, isLoaded]);
  useEffect(look, [unseen, isLoaded, here]);
  useEffect(() => {
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  });
  // Whoever says something sees it, and has seen what was above.
  const waiting = state.outgoing.length;
  const waitedBefore = useRef(waiting);
  useLayoutEffect(() => {
    if (waiting > waitedBefore.current) {
      setNewAfter(null);
      toEnd();
    }
    waitedBefore.current = waiting;
  }, [waiting]);

  const show = (line: Line) => {
    switch (line.kind) {
      case "day":
        return (
          <li key={line.key} class="log-rule">
            {dayOf(line.at, Date.now())}
          </li>
        );
      case "new":
        return (
          <li key={line.key} class="log-rule new" data-testid="new-marker">
            New
          </li>
        );
      case "deleted":
        return (
          <li key={line.key} class="msg-gone" data-testid="deleted">
            A message was deleted.
          </li>
        );
      case "outgoing": {
        const { cid } = line.outgoing;
        return (
          <OutgoingMessage
            key={line.key}
            outgoing={line.outgoing}
            here={here}
            onRetry={() => chat?.retry(cid)}
            onDiscard={() => chat?.discard(cid)}
          />
        );
      }
      case "message": {
        const { message, mine, named } = line;
        const { seq, text, from } = message;
        const mayDelete = mine || state.me?.role === "operator";
        return (
          <Message
            key={line.key}
            message={message}
            author={names.get(from.id) ?? from.name}
            mine={mine}
            named={named}
            mark={read?.seq === seq && mine ? markOf(read.readers.map(({ id }) => id)) : null}
            onEdit={mine && here ? () => onEdit(seq, text) : null}
            onDelete={mayDelete && here ? () => chat?.ask({ type: "delete", seq }) : null}
          />
        );
      }
    }
  };
  const markOf = (readers: readonly string[]) =>
    readers.length === 0 ? "Sent" : `Seen by ${readers.map((id) => names.get(id)).join(", ")}`;

  return (
    <div class="log-frame">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard */}
      <div class="log" ref={box} onScroll={() => onScroll(look)} tabIndex={0} data-testid="log">
        {isLoaded && !state.complete && (
          <button
            type="button"
            class="button quiet small log-older"
            aria-disabled={paging === "loading"}
            onClick={() => void chat?.loadOlder()}
            data-testid="older"
          >
            {paging === "loading" ? "Loading…" : "Load earlier messages"}
          </button>
        )}
        {paging === "failed" && (
          <p class="log-note" role="alert" data-testid="paging-failed">
            {isLoaded ? "The earlier messages did not load." : "The messages did not load."}{" "}
            <button
              type="button"
              class="button small"
              onClick={() => void chat?.loadOlder()}
              data-testid="load-again"
            >
              Try again
            </button>
          </p>
        )}
        {!isLoaded && paging !== "failed" && room.refused === null && (
          <p class="log-note" aria-busy="true">
            Loading the chat…
          </p>
        )}
        {isLoaded && lines.length === 0 && (
          <p class="log-note" data-testid="nothing-said">
            {empty}
          </p>
        )}
        {/* News are read out by the page's own live region: older ones that load are none. */}
        <div role="log" aria-live="off" aria-label="Messages">
          <ol>{lines.map(show)}</ol>
        </div>
      </div>
      {unseen.length > 0 && !atEnd() && (
        <button
          type="button"
          class="button small primary log-news"
          onClick={toEnd}
          data-testid="to-news"
        >
          <ChevronDownIcon /> {unseen.length === 1 ? "1 new message" : `${unseen.length} new`}
        </button>
      )}
    </div>
  );
}

/** Keeps the log where its reader is: at its end, or on the same message. */
function usePlace(
  box: { current: HTMLDivElement | null },
  lines: readonly Line[],
  isLoaded: boolean,
  onStart: () => void,
) {
  const end = useRef(true);
  const shown = useRef<{ first: string | undefined; height: number } | null>(null);
  const [, redraw] = useState(false);
  const first = lines.find(({ kind }) => kind === "message")?.key;

  useLayoutEffect(() => {
    const log = box.current;
    if (!log || !isLoaded) return;
    const before = shown.current;
    if (before === null) showNews(log);
    else if (end.current) log.scrollTop = log.scrollHeight;
    else if (before.first !== first) log.scrollTop += log.scrollHeight - before.height;
    shown.current = { first, height: log.scrollHeight };
    end.current = isAtEnd(log);
  }, [lines, isLoaded]);

  useEffect(() => {
    const log = box.current;
    if (!log) return;
    // A keyboard on the screen, and a window that is turned, move the end.
    const sizes = new ResizeObserver(() => {
      if (end.current) log.scrollTop = log.scrollHeight;
    });
    sizes.observe(log);
    return () => sizes.disconnect();
  }, []);

  return {
    atEnd: () => end.current,
    toEnd: () => {
      if (box.current) box.current.scrollTop = box.current.scrollHeight;
      end.current = true;
    },
    onScroll: (look: () => void) => {
      const log = box.current;
      if (!log) return;
      const isEnd = isAtEnd(log);
      if (isEnd !== end.current) {
        end.current = isEnd;
        redraw(isEnd);
      }
      if (isEnd) look();
      if (log.scrollTop < NEAR_PX && log.scrollHeight > log.clientHeight) onStart();
    },
  };
}

function isAtEnd(log: HTMLElement): boolean {
  return log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
}

/** The end; or what is new from its first message on, if that is more than fits. */
function showNews(log: HTMLElement): void {
  log.scrollTop = log.scrollHeight;
  const news = log.querySelector<HTMLElement>(".log-rule.new");
  if (news && news.offsetTop < log.scrollTop) log.scrollTop = news.offsetTop;
}
