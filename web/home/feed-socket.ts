import type { FeedSocket, FeedSocketEvents } from "./feed.ts";

/** Opens the feed of changes, with the cookie that opened the page. */
export function openFeedSocket(since: number | null, events: FeedSocketEvents): FeedSocket {
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
