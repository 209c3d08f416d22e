import type { Change } from "../../protocol/events.ts";
import { onWake, pageClock } from "../page-clock.ts";
import { openEdgeSocket } from "./edge-socket.ts";
import { Feed, type FeedLink } from "./feed.ts";

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
    openSocket: (since, events) => openEdgeSocket("/api/events", since, events),
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
