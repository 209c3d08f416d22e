import { CloseCode } from "../../../protocol/close-codes.ts";
import {
  LINK_PING,
  LINK_PONG,
  LINK_SILENCE_MS,
  MAX_MESSAGE_BYTES,
} from "../../../protocol/limits.ts";
import { AgentToEdge, type EdgeToAgent } from "../../../protocol/link.ts";
import { parseMessage } from "../../../protocol/messages.ts";
import { describeError, log } from "../../log.ts";
import { closeQuietly } from "../../sockets.ts";

/**
 * The control links of a host: one, and for a moment the one that it replaces. Whether the host is
 * online is not stored: it follows from the last ping, which the runtime answers and notes by
 * itself, without waking anything.
 */
export class Links {
  readonly #ctx: DurableObjectState;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(LINK_PING, LINK_PONG));
  }

  /** Takes a link; the newest one wins. @returns the agent's end, and whether there was another */
  accept(): { agent: WebSocket; replaced: boolean } {
    const older = this.open();
    for (const link of older) {
      closeQuietly(link, CloseCode.superseded, "Another agent with this identity took over.");
    }
    const [agent, link] = Object.values(new WebSocketPair()) as [WebSocket, WebSocket];
    this.#ctx.acceptWebSocket(link);
    link.serializeAttachment({ connected_at: Date.now() } satisfies LinkAttachment);
    return { agent, replaced: older.length > 0 };
  }

  /** The open links, newest first. A closing socket can still be listed. */
  open(): WebSocket[] {
    return this.#ctx
      .getWebSockets()
      .filter((socket) => socket.readyState === WebSocket.OPEN)
      .sort((a, b) => connectedAt(b) - connectedAt(a));
  }

  /** Says something to the agent. @returns false if it has no link */
  send(message: EdgeToAgent): boolean {
    const link = this.open()[0];
    if (!link) return false;
    try {
      link.send(JSON.stringify(message));
    } catch (error) {
      // It closed in this moment; webSocketClose tells those who wait.
      const { type } = message;
      const stream = "stream" in message ? { stream: message.stream } : {};
      const host = this.#ctx.id.name;
      log("link.send_failed", { host, type, ...stream, error: describeError(error) });
    }
    return true;
  }

  /** Reads what came on a link. @returns null for what is to be let be, or ended the link */
  read(socket: WebSocket, data: string | ArrayBuffer): AgentToEdge | null {
    if (!this.open().includes(socket)) return null; // superseded, or closing
    const host = this.#ctx.id.name;
    const size = typeof data === "string" ? data.length : data.byteLength;
    if (size > MAX_MESSAGE_BYTES) {
      const reason = `A message on the link is over ${MAX_MESSAGE_BYTES / 1024} KiB.`;
      closeQuietly(socket, CloseCode.malformed, reason);
      return null;
    }
    const parsed = parseMessage(AgentToEdge, data);
    if (parsed.kind === "unknown") {
      log("link.unknown_message", { host, type: parsed.type });
      return null;
    }
    if (parsed.kind === "malformed") {
      log("link.malformed", { host, why: parsed.why });
      const reason = `The edge could not read a message: ${parsed.why}`;
      closeQuietly(socket, CloseCode.malformed, reason);
      return null;
    }
    return parsed.message;
  }

  /** When the agent was last heard of, in ms since the epoch; 0 without a link. */
  lastSeen(): number {
    const link = this.open()[0];
    if (!link) return 0;
    const pinged = this.#ctx.getWebSocketAutoResponseTimestamp(link)?.getTime() ?? 0;
    return Math.max(pinged, connectedAt(link));
  }

  /** From when on the host is offline unless it pings, in ms since the epoch; null without a link. */
  silentAt(): number | null {
    const seen = this.lastSeen();
    return seen === 0 ? null : seen + LINK_SILENCE_MS;
  }

  isOnline(): boolean {
    return Date.now() < (this.silentAt() ?? 0);
  }
}

type LinkAttachment = { connected_at: number };

/** When a link was made, in ms since the epoch. */
export function connectedAt(socket: WebSocket): number {
  return (socket.deserializeAttachment() as LinkAttachment | null)?.connected_at ?? 0;
}
