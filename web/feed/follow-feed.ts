import type { Change } from "../../protocol/events.ts";
import { onWake, pageClock } from "../page-clock.ts";
import { Feed, type FeedLink, type FeedSocket, type FeedSocketEvents } from "./feed.ts";

/** What a page does about what the feed tells. */
type Follower = {
  onLink(link: FeedLink): void;
  onChange(change: Change): void;
  /** All that was read may be out of date; a read also tells why the edge let us in no more. */
  onReset(): void;
  /** Someone looks at the page again. */
  onWake(): void;
};

/** Has a page told of every change for as long as it is there. @returns ends it */
export function followFeed(page: Follower, clock: typeof pageClock = pageClock): () => void {
  const feed = new Feed({
    ...clock,
    openSocket: openFeedSocket,
    onLink: page.onLink,
    onReset: page.onReset,
    onChange: page.onChange,
    onRefused: page.onReset,
  });
  feed.join();
  const stopWaking = onWake(() => {
    feed.wake();
    page.onWake();
  });
  return () => {
    stopWaking();
    feed.stop();
  };
}

/** Opens the feed of changes, with the cookie that opened the page. */
function openFeedSocket(since: number | null, events: FeedSocketEvents): FeedSocket {
  const url = new URL("/api/events", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  if (since !== null) url.searchParams.set("since", String(since));
  const socket = new WebSocket(url);
  socket.addEventListener("message", ({ data }: MessageEvent<string>) => events.heard(data));
  socket.addEventListener("close", ({ code }) => events.closed(code));
  return {
    send: (text) => {
      // One that is closing says so itself.
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}
