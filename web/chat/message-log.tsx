import { useMemo, useRef, useState } from "preact/hooks";
import { ChevronDownIcon } from "../icons.tsx";
import { seenUpTo, unseenMessages } from "./chat-state.ts";
import { countUnseen, newMessages } from "./count.ts";
import { linesOf, readersOf } from "./lines.ts";
import { logLine } from "./log-line.tsx";
import type { MessageDeeds } from "./message.tsx";
import type { ChatOfPage } from "./use-chat.ts";
import { usePlace } from "./use-place.ts";
import { useReadMarks } from "./use-read-marks.ts";

type MessageLogProps = {
  page: ChatOfPage;
  /** What stands where nothing was said yet. */
  empty: string;
  /** Stay the same. */
  deeds: MessageDeeds;
};

/** What was said, in its order: it stays where its reader is, whatever is added above or below. */
export function MessageLog({ page, empty, deeds }: MessageLogProps) {
  const { view, room, chat, names } = page;
  const { state, paging } = view;
  const box = useRef<HTMLDivElement>(null);
  const unseen = useMemo(() => unseenMessages(state), [state]);
  const [newAfter, setNewAfter] = useState(() => (unseen.length > 0 ? seenUpTo(state) : null));
  const lines = useMemo(() => linesOf(state, newAfter), [state, newAfter]);
  const read = useMemo(() => readersOf(state, room.members), [state, room.members]);
  const isLoaded = Number.isFinite(state.floor);
  const place = usePlace(box, page.atEnd, [lines, paging], isLoaded, () => void chat?.loadOlder());
  const look = useReadMarks(page, unseen, place, setNewAfter);
  const onScroll = () => place.onScroll(look);
  const here = room.link === "here";
  const isIn = room.refused === null;
  const moderates = state.me?.role === "operator";
  const today = new Date().toDateString();
  // One element for as long as nothing in it changes: a key in the field below draws none of it.
  const list = useMemo(() => {
    const may = { change: isIn, moderate: isIn && moderates };
    const around = { names, read, here, may, deeds, now: Date.now() };
    return <ol>{lines.map((line) => logLine(line, around))}</ol>;
  }, [lines, names, read, here, isIn, moderates, deeds, today]);

  return (
    <div class="log-frame">
      <div
        class="log"
        ref={box}
        onScroll={onScroll}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
        tabIndex={0}
        data-keeps-focus
        data-testid="log"
      >
        <History page={page} />
        {isLoaded && lines.length === 0 && (
          <p class="log-note" data-testid="nothing-said">
            {empty}
          </p>
        )}
        {/* News are read out by the page's own live region: older ones that load are none. */}
        <div role="log" aria-live="off" aria-label="Messages">
          {list}
        </div>
      </div>
      {unseen.length > 0 && !place.atEnd() && (
        <button
          type="button"
          class="button small primary log-news"
          onClick={place.toEnd}
          data-testid="to-news"
        >
          <ChevronDownIcon /> {newMessages(countUnseen(state))}
        </button>
      )}
    </div>
  );
}

/** How it stands with what was said before. */
function History({ page: { view, room, chat } }: { page: ChatOfPage }) {
  const { state, paging } = view;
  const isLoaded = Number.isFinite(state.floor);
  return (
    <>
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
    </>
  );
}
