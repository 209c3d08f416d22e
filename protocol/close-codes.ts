/**
 * The close codes of `/vnc-stream` and `/chat-ws`. They are a contract: pages, stock viewers and
 * integrators act on the number, people read the reason.
 */
export const CloseCode = {
  /** The other side went, or everything that had to be said was said (RFC 6455, 7.4.1). */
  normal: 1000,
  /** The edge or the agent is shutting down; dialling again is right (RFC 6455, 7.4.1). */
  goingAway: 1001,
  /** Something went wrong at the edge (RFC 6455, 7.4.1). */
  internal: 1011,
  malformed: 4400,
  unauthorized: 4401,
  forbidden: 4403,
  notFound: 4404,
  agentTimeout: 4408,
  superseded: 4409,
  ended: 4410,
  tooMany: 4429,
  serverRefused: 4502,
  hostOffline: 4503,
  serverTimeout: 4504,
} as const;

export type CloseCode = (typeof CloseCode)[keyof typeof CloseCode];

/** RFC 6455, 5.5: a control frame carries at most 125 bytes, two of which are the code. */
export const MAX_CLOSE_REASON_BYTES = 123;

/** Codes after which dialling again by itself can help: the cause comes and goes. */
const RETRYABLE: ReadonlySet<number> = new Set([
  1000, // what a stock VNC relay says when the server went; ours says 4502
  CloseCode.goingAway,
  1005,
  1006,
  1011,
  1012,
  1013,
  CloseCode.agentTimeout,
  CloseCode.tooMany,
  CloseCode.serverRefused,
  CloseCode.hostOffline,
  CloseCode.serverTimeout,
]);

/** Whether a viewer that was closed with `code` should dial again without being asked. */
export function isRetryable(code: number): boolean {
  return RETRYABLE.has(code);
}

/**
 * Cuts a close reason to what a close frame can carry, on a character boundary.
 * @returns at most {@link MAX_CLOSE_REASON_BYTES} bytes of UTF-8
 */
export function fitCloseReason(reason: string): string {
  const encoder = new TextEncoder();
  if (encoder.encode(reason).length <= MAX_CLOSE_REASON_BYTES) return reason;
  const ellipsis = "…";
  let bytes = encoder.encode(ellipsis).length;
  let fitted = "";
  for (const character of reason) {
    bytes += encoder.encode(character).length;
    if (bytes > MAX_CLOSE_REASON_BYTES) break;
    fitted += character;
  }
  return fitted + ellipsis;
}

/**
 * The code as it may be sent: 1004, 1005, 1006 and 1015 never are (RFC 6455, 7.4.1).
 * @returns 1000 in place of one that cannot be
 */
export function sendableCloseCode(code: number): number {
  const isStandard = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  return isStandard || (code >= 3000 && code <= 4999) ? code : CloseCode.normal;
}
