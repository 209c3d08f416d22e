import type { RoomEvents, RoomSocket } from "./room.ts";

/** Opens the room of a session, with the cookie that opened the page. */
export function openRoomSocket(sessionId: string, events: RoomEvents): RoomSocket {
  const url = new URL(`/chat-ws?room=session:${sessionId}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
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
