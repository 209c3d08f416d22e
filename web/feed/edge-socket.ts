export type EdgeSocket = { send(text: string): void; close(): void };
export type EdgeSocketEvents = {
  heard(text: string): void;
  closed(code: number, reason: string): void;
};

/**
 * Dials the edge, with the cookie that opened the page.
 * @param since the last change that the page knows; null if it knows none
 */
export function openEdgeSocket(
  path: string,
  since: number | null,
  events: EdgeSocketEvents,
): EdgeSocket {
  const url = new URL(path, location.href);
  if (since !== null) url.searchParams.set("since", String(since));
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url);
  socket.addEventListener("message", ({ data }: MessageEvent<string>) => events.heard(data));
  socket.addEventListener("close", ({ code, reason }) => events.closed(code, reason));
  return {
    send: (text) => {
      // One that is closing says so itself.
      if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
    close: () => socket.close(),
  };
}
