import { isIP } from "node:net";
import type { ClientOptions } from "ws";

/** How long the edge has to answer an upgrade. */
const HANDSHAKE_MS = 10_000;

/**
 * How long the edge has to end the TCP connection after the closing handshake. workerd keeps that
 * of a hibernating socket for another 10 s; `ws` tells of the close only after it is gone.
 */
const CLOSE_MS = 1_000;

/** What @types/ws does not know yet: `closeTimeout`, in ms, since ws 8.19. */
type DialOptions = ClientOptions & { closeTimeout: number };

/** The WebSocket address of a path at an edge. @param edge its http(s) origin */
export function edgeSocketUrl(edge: string, path: string): string {
  return edge.replace(/^http/, "ws") + path;
}

/** How every dial of this agent is made. */
export function dialOptions(edge: string, token: string): DialOptions {
  return {
    headers: { authorization: `Bearer ${token}` },
    handshakeTimeout: HANDSHAKE_MS,
    closeTimeout: CLOSE_MS,
    // RFB is compressed already.
    perMessageDeflate: false,
    ...(masksForNobody(edge) ? { generateMask: zeroMask } : {}),
  };
}

/**
 * Masking protects proxies that could mistake a client's bytes for HTTP (RFC 6455, 10.3). Over TLS
 * or loopback there are none that see them, and a mask of zeros lets `ws` skip the work, which
 * makes a stream about three times as fast.
 */
function masksForNobody(edge: string): boolean {
  const { protocol, hostname } = new URL(edge);
  return protocol === "https:" || isLoopback(hostname);
}

/** Whether a URL's hostname is this machine itself. */
export function isLoopback(hostname: string): boolean {
  if (hostname === "localhost" || hostname === "[::1]") return true;
  return isIP(hostname) === 4 && hostname.startsWith("127.");
}

function zeroMask(mask: Buffer): void {
  mask.fill(0);
}
