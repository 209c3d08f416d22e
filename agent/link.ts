import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import { WebSocket } from "ws";
import { CloseCode } from "../protocol/close-codes.ts";
import { LINK_PING, LINK_PING_MS, LINK_PONG, MAX_MESSAGE_BYTES } from "../protocol/limits.ts";
import { type AgentToEdge, EdgeToAgent } from "../protocol/link.ts";
import { parseMessage } from "../protocol/messages.ts";
import { ignoreAbort } from "./abort.ts";
import { backoffMs } from "./backoff.ts";
import { dialOptions, edgeSocketUrl } from "./dial.ts";
import { type Identity, signToken } from "./identity.ts";
import { Latency } from "./latency.ts";
import { describeError, type Log } from "./log.ts";

/** How long the edge has to answer a ping. */
const PONG_MS = 10_000;

/** A link that lasted this long was a good one: the next retry starts from the shortest wait. */
const GOOD_LINK_MS = 10_000;

/** How long a link has to close when this agent stops. */
const CLOSE_GRACE_MS = 1_000;

/** Refusals that no retry changes, by the edge's stable code. */
const FINAL_CODES: ReadonlySet<string> = new Set(["agent_unknown", "agent_token"]);

/** Close codes after which this agent must not come back by itself. */
const FINAL_CLOSES: ReadonlySet<number> = new Set([
  CloseCode.unauthorized,
  CloseCode.forbidden,
  CloseCode.superseded,
]);

export type LinkHandlers = {
  /** The link is up; `send` says something on it, and says nothing once it is down. */
  up(send: (message: AgentToEdge) => void): void;
  message(message: EdgeToAgent): void;
  down(): void;
};

/** How one link ended: for good, with a sentence, or so that dialling again is right. */
type Outcome = { final: true; sentence: string } | { final: false; why: string; lastedMs: number };

/**
 * Keeps the control link up: dials, and dials again for ever, with full jitter.
 * @returns a sentence when the edge refused this agent for good, null when `signal` stopped it
 */
export async function keepLink(
  identity: Identity,
  handlers: LinkHandlers,
  log: Log,
  signal: AbortSignal,
): Promise<string | null> {
  for (let attempt = 0; !signal.aborted; attempt++) {
    const outcome = await holdLink(identity, handlers, log, signal);
    if (signal.aborted) return null;
    if (outcome.final) {
      log("link.refused", { edge: identity.edge, reason: outcome.sentence });
      return outcome.sentence;
    }
    if (outcome.lastedMs >= GOOD_LINK_MS) attempt = 0;
    const waitMs = backoffMs(attempt);
    log("link.down", { edge: identity.edge, reason: outcome.why, retry_ms: Math.round(waitMs) });
    await sleep(waitMs, undefined, { signal }).catch(ignoreAbort);
  }
  return null;
}

/** Dials once and stays until the link ends. */
async function holdLink(
  identity: Identity,
  handlers: LinkHandlers,
  log: Log,
  signal: AbortSignal,
): Promise<Outcome> {
  const token = await signToken(identity);
  if (signal.aborted) return { final: false, why: "it was stopped", lastedMs: 0 };
  const socket = new WebSocket(edgeSocketUrl(identity.edge, "/agent/link"), {
    ...dialOptions(identity.edge, token),
    maxPayload: MAX_MESSAGE_BYTES,
  });
  let openedAt: number | null = null;
  let heartbeat: ReturnType<typeof setInterval> | undefined;
  let failure = "the connection failed";
  let refusal: string | null = null;

  const stop = () => {
    socket.close(CloseCode.normal);
    setTimeout(() => socket.terminate(), CLOSE_GRACE_MS).unref();
  };
  signal.addEventListener("abort", stop);

  socket.on("unexpected-response", async (_request, response) => {
    const problem = await readProblem(response);
    failure = `the edge answered ${response.statusCode}${problem ? `: ${problem.detail}` : ""}`;
    if (problem && FINAL_CODES.has(problem.code)) refusal = problem.detail;
    socket.terminate();
  });
  socket.on("error", (error) => {
    // After an unexpected response terminate() reports itself here; the answer says more.
    if (failure === "the connection failed") failure = describeError(error);
  });
  socket.on("open", () => {
    openedAt = Date.now();
    log("link.up", { edge: identity.edge, host: identity.host_id });
    const send = (message: AgentToEdge) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    };
    handlers.up(send);
    heartbeat = startHeartbeat(socket, send, (why) => {
      failure = why;
      socket.terminate();
    });
  });
  socket.on("message", (data, isBinary) => {
    const text = isBinary ? null : data.toString();
    if (text === LINK_PONG) return;
    const parsed = parseMessage(EdgeToAgent, text);
    if (parsed.kind === "message") handlers.message(parsed.message);
    else if (parsed.kind === "unknown") log("link.unknown_message", { type: parsed.type });
    else log("link.malformed", { why: parsed.why });
  });

  const { code, reason } = await new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
  });
  clearInterval(heartbeat);
  signal.removeEventListener("abort", stop);
  if (openedAt !== null) {
    handlers.down();
    failure = reason || `${failure} (${code})`;
    if (FINAL_CLOSES.has(code)) refusal = reason;
  }
  if (refusal !== null) return { final: true, sentence: refusal };
  return { final: false, why: failure, lastedMs: openedAt === null ? 0 : Date.now() - openedAt };
}

/**
 * Pings, at once and then regularly, with the text that the edge's runtime answers by itself; no
 * answer means a dead link. How long the answers take the edge is told now and then.
 */
function startHeartbeat(
  socket: WebSocket,
  send: (message: AgentToEdge) => void,
  dead: (why: string) => void,
): ReturnType<typeof setInterval> {
  const latency = new Latency();
  let pingedAt = 0;
  let pong: ReturnType<typeof setTimeout> | undefined;
  socket.on("message", (data) => {
    clearTimeout(pong);
    if (data.toString() !== LINK_PONG) return;
    const now = performance.now();
    const ms = latency.add(now - pingedAt, now);
    if (ms !== null) send({ type: "latency", ms });
  });
  socket.on("close", () => clearTimeout(pong));
  const ping = () => {
    pingedAt = performance.now();
    socket.send(LINK_PING);
    clearTimeout(pong);
    pong = setTimeout(() => dead("the edge did not answer a ping"), PONG_MS);
  };
  ping();
  return setInterval(ping, LINK_PING_MS);
}

const ProblemJson = v.object({ code: v.string(), detail: v.string() });

/** The edge's problem+json, or null: a proxy's or a captive portal's page is not the edge's word. */
async function readProblem(
  response: AsyncIterable<Buffer>,
): Promise<v.InferOutput<typeof ProblemJson> | null> {
  let text = "";
  try {
    for await (const chunk of response) {
      text += chunk.toString();
      if (text.length > MAX_MESSAGE_BYTES) return null;
    }
    const parsed = v.safeParse(ProblemJson, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
