import type { Problem } from "../protocol/api.ts";
import { CloseCode } from "../protocol/close-codes.ts";

/**
 * A refusal that reaches the caller: as RFC 9457 problem+json from a REST route, as a close code
 * with the same sentence from a WebSocket. Plain data, since objects answer with it over RPC,
 * where a thrown error would lose its class.
 */
export type Refusal = { status: number; code: string; detail: string };

/** What an object answers: the value, or why not. */
export type Result<Value> = { ok: true; value: Value } | { ok: false; refusal: Refusal };

export function refuse(
  status: number,
  code: string,
  detail: string,
): { ok: false; refusal: Refusal } {
  return { ok: false, refusal: { status, code, detail } };
}

/** Thrown inside the Worker (never across RPC); the app answers with it. */
export class ProblemError extends Error {
  readonly refusal: Refusal;
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.refusal = { status, code, detail };
  }
}

/** A refusal of an object's that only passes through the Worker: the object has counted it. */
export class RelayedProblemError extends ProblemError {}

/** The value of an object's answer. @throws {ProblemError} with the object's refusal */
export function unwrap<Value>(result: Result<Value>): Value {
  if (result.ok) return result.value;
  const { status, code, detail } = result.refusal;
  throw new ProblemError(status, code, detail);
}

const TITLES: Record<number, string> = {
  400: "Bad request",
  401: "Not signed in",
  403: "Not allowed",
  404: "Not found",
  408: "Too slow",
  409: "Conflict",
  410: "Gone",
  413: "Too large",
  415: "Not JSON",
  422: "Not the same request",
  426: "Upgrade required",
  429: "Too many",
  500: "Internal error",
  501: "Not configured",
  502: "Bad gateway",
  503: "Not available",
  504: "No answer",
};

export function problemResponse(refusal: Refusal): Response {
  const body: Problem = {
    type: "about:blank",
    title: TITLES[refusal.status] ?? "Error",
    status: refusal.status,
    code: refusal.code,
    detail: refusal.detail,
  };
  return new Response(JSON.stringify(body), {
    status: refusal.status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

const CLOSE_CODES: Record<number, CloseCode> = {
  400: CloseCode.malformed,
  401: CloseCode.unauthorized,
  403: CloseCode.forbidden,
  404: CloseCode.notFound,
  410: CloseCode.ended,
  429: CloseCode.tooMany,
};

/** How a refusal is said on a WebSocket. What an operator must mend first is no reason to redial. */
export function closeCodeOf(refusal: Refusal): CloseCode {
  if (refusal.code === "not_configured") return CloseCode.unauthorized;
  // A page that dials again later gets in by itself, as with a host that comes back.
  if (refusal.code === "not_started") return CloseCode.hostOffline;
  return CLOSE_CODES[refusal.status] ?? CloseCode.internal;
}

/** The refusal in an object's answer. @see problemResponse */
export async function readRefusal(response: Response): Promise<Refusal> {
  const { status, code, detail } = await response.json<Problem>();
  return { status, code, detail };
}
