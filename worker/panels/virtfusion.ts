import * as v from "valibot";
import { canonicalAddress } from "../../protocol/addresses.ts";
import { MAX_VNC_PASSWORD_CHARACTERS } from "../../protocol/limits.ts";
import { describeIssues } from "../../protocol/messages.ts";
import { describeError, log } from "../log.ts";
import { ProblemError } from "../problem.ts";
import { readBounded } from "../read-bounded.ts";
import type { HostingPanel, ServerVnc } from "./panel.ts";

/** How long the panel has for its whole answer. */
const PANEL_ANSWER_MS = 10_000;

/** Largest answer that is read; a real one is under 1 KiB. */
const MAX_PANEL_ANSWER_BYTES = 64 * 1024;

const API_PATH = "/api/v1";

/** How VirtFusion is told to switch VNC; versions differ in which they hear. */
const BODIES = {
  action: (on: boolean) => ({ action: on ? "enable" : "disable" }),
  vnc: (on: boolean) => ({ vnc: on }),
};

type Settings = { url: string; token: string; body: string | undefined };

/**
 * VirtFusion, 6.1 or newer, by its API. Each POST may rotate the password and cut whoever is
 * connected, so none is ever sent again by itself.
 * @throws {ProblemError} 503 if a setting cannot be right
 */
export function virtFusion(settings: Settings): HostingPanel {
  const base = readBase(settings.url);
  const token = settings.token.trim();
  if (!/^[\x21-\x7e]+$/.test(token)) {
    throw wrongSetting("VIRTFUSION_TOKEN must be an API token of VirtFusion");
  }
  const body = settings.body || "action";
  if (!isDialect(body)) throw wrongSetting("VIRTFUSION_VNC_BODY must be action or vnc");
  const call = async (serverId: string, on?: boolean): Promise<ServerVnc> => {
    const init: RequestInit = { headers: { authorization: `Bearer ${token}` } };
    const write = on === undefined ? null : JSON.stringify(BODIES[body](on));
    return ask(`${base}/servers/${serverId}/vnc`, serverId, init, write);
  };
  return {
    lookUp: (serverId) => call(serverId),
    switchVnc: (serverId, on) => call(serverId, on),
  };
}

function isDialect(body: string): body is keyof typeof BODIES {
  return Object.hasOwn(BODIES, body);
}

function wrongSetting(sentence: string): ProblemError {
  return new ProblemError(503, "not_configured", `${sentence}.`);
}

/** @returns the API's address without a slash at its end */
function readBase(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isLoopback = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url?.hostname ?? "");
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && isLoopback);
  if (!url || !isSafe || url.username || url.password || url.search || url.hash) {
    throw wrongSetting("VIRTFUSION_URL must be the panel's address, as in https://panel.example");
  }
  const path = url.pathname.replace(/\/+$/, "");
  return url.origin + (path.endsWith(API_PATH) ? path : path + API_PATH);
}

/** What `GET` and `POST /servers/:id/vnc` answer. */
const VncAnswer = v.object({
  data: v.object({
    vnc: v.object({
      ip: v.nullish(v.pipe(v.string(), v.ip(), v.transform(canonicalAddress)), null),
      port: v.nullish(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)), null),
      password: v.nullish(v.pipe(v.string(), v.maxLength(MAX_VNC_PASSWORD_CHARACTERS)), null),
      enabled: v.fallback(v.boolean(), false),
    }),
    queueId: v.nullish(v.union([v.number(), v.pipe(v.string(), v.maxLength(100))]), null),
  }),
});

/** One call. @param write the body of a POST; null is a GET */
async function ask(
  url: string,
  serverId: string,
  init: RequestInit,
  write: string | null,
): Promise<ServerVnc> {
  const fail = (status: number, code: string, detail: string, why: string) => {
    log("panel.failed", { server: serverId, write: write !== null, code, why });
    return new ProblemError(status, code, detail);
  };
  const signal = AbortSignal.timeout(PANEL_ANSWER_MS);
  let status: number;
  let text: string | null;
  try {
    const response = await fetch(url, {
      ...init,
      headers: {
        ...init.headers,
        accept: "application/json",
        ...(write !== null && { "content-type": "application/json" }),
      },
      ...(write !== null && { method: "POST", body: write }),
      // The token is for this panel alone, and a POST that is redirected comes as a GET.
      redirect: "manual",
      signal,
    });
    status = response.status;
    text = await readBounded(response.body, MAX_PANEL_ANSWER_BYTES, signal);
  } catch (error) {
    if (signal.aborted) {
      const unknown = write === null ? "" : " Whether it switched VNC is not known.";
      const detail = `The panel did not answer in ${PANEL_ANSWER_MS / 1000} s.${unknown} Try again when it is well.`;
      throw fail(504, "panel_timeout", detail, "no answer in time");
    }
    const detail =
      "The panel cannot be reached; see that VIRTFUSION_URL is right and that it runs.";
    throw fail(502, "panel_unreachable", detail, describeError(error));
  }
  if (status < 200 || status > 299) throw refusal(status, serverId, fail);
  const parsed =
    text === null ? null : v.safeParse(v.pipe(v.string(), v.parseJson(), VncAnswer), text);
  if (!parsed?.success) {
    const why = parsed ? describeIssues(parsed.issues) : "it is too large";
    const detail =
      "The panel's answer is not VirtFusion's; see that VIRTFUSION_URL is right and that it is 6.1 or newer.";
    throw fail(502, "panel_malformed", detail, why);
  }
  const { vnc, queueId } = parsed.output.data;
  const { ip: address, port, password, enabled } = vnc;
  return {
    enabled,
    listener:
      address === null || port === null ? null : { address, port, password: password || null },
    queueId: queueId === null ? null : String(queueId),
  };
}

/** What an answer that is no success means for who called us. */
function refusal(
  status: number,
  serverId: string,
  fail: (status: number, code: string, detail: string, why: string) => ProblemError,
): ProblemError {
  const why = `status ${status}`;
  if (status === 404) {
    return fail(404, "no_such_server", `The panel knows no server ${serverId}.`, why);
  }
  if (status === 401 || status === 403) {
    const detail =
      "The panel refuses VIRTFUSION_TOKEN; make an API token there that may use VNC, and set it anew.";
    return fail(502, "panel_refused", detail, why);
  }
  if (status >= 300 && status < 400) {
    const detail = "The panel redirects to another address; set VIRTFUSION_URL to the one it has.";
    return fail(502, "panel_redirects", detail, why);
  }
  const detail = `The panel answered with status ${status}; its log says why. Try again when it is well.`;
  return fail(502, "panel_failed", detail, why);
}
