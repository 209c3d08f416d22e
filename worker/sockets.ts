import { fitCloseReason, sendableCloseCode } from "../protocol/close-codes.ts";
import { closeCodeOf, problemResponse, type Refusal } from "./problem.ts";

/** RFC 6455, 4.2.1: the one header that makes a GET an upgrade. */
export function isUpgrade(request: Request): boolean {
  return request.method === "GET" && request.headers.get("upgrade")?.toLowerCase() === "websocket";
}

/** The `Upgrade` header that belongs to a 426 is the runtime's: it drops one of ours. */
export function upgradeRequired(): Response {
  return problemResponse({
    status: 426,
    code: "upgrade_required",
    detail: "This address speaks WebSocket: send a GET with Upgrade: websocket.",
  });
}

/**
 * Closes a socket whatever its state: `close()` throws on a socket that is closing already, on a
 * reason over 123 bytes and on codes that are never sent.
 */
export function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(sendableCloseCode(code), fitCloseReason(reason));
  } catch {
    // It is closed or closing: what was wanted.
  }
}

/**
 * Answers an upgrade with a socket that is closed at once. A browser never sees the HTTP status of
 * a failed upgrade, it only says 1006; a close code and its sentence it does see. Only the Worker
 * does this: an accepted socket whose client never answers the close would keep an object awake.
 */
export function refuseUpgrade(request: Request, refusal: Refusal): Response {
  const [client, server] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
  server.accept();
  closeQuietly(server, closeCodeOf(refusal), refusal.detail);
  return new Response(null, { status: 101, webSocket: client, headers: chosenProtocol(request) });
}

/**
 * The subprotocol to echo. Stock noVNC may offer `binary` (an old websockify habit) and drops the
 * connection when nothing is chosen; nothing of ours depends on it.
 */
export function chosenProtocol(request: Request): Record<string, string> {
  const offered = request.headers.get("sec-websocket-protocol") ?? "";
  const names = offered.split(",").map((name) => name.trim());
  return names.includes("binary") ? { "sec-websocket-protocol": "binary" } : {};
}
