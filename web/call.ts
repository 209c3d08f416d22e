import type { Page, Problem } from "../protocol/api.ts";

/** An API call that did not succeed. Its message is a sentence for a person. */
export class ApiError extends Error {
  /** The HTTP status; 0 when no answer came at all. */
  readonly status: number;
  /** What software may act on; null where the edge did not say. */
  readonly code: string | null;
  constructor(status: number, message: string, code: string | null = null) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }
}

const EDGE_UNREACHABLE = "The edge cannot be reached.";

/** The edge answers at once or not at all; nobody looks at a spinner for longer than this. */
const ANSWER_TIMEOUT_MS = 15_000;

const NOT_MODIFIED = 304;

type Method = "GET" | "POST" | "PATCH" | "DELETE";

type CallOptions = {
  body?: unknown;
  signal?: AbortSignal | undefined;
  headers?: Record<string, string>;
  /** How long the answer may take, where that is longer than usual. */
  timeoutMs?: number;
};

/** @throws {ApiError} unless the edge did it; a 304 is an answer too, to who says what they have */
export async function call(
  method: Method,
  path: string,
  options: CallOptions = {},
): Promise<Response> {
  const timeout = AbortSignal.timeout(options.timeoutMs ?? ANSWER_TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      signal: options.signal ? AbortSignal.any([options.signal, timeout]) : timeout,
      cache: "no-store",
      headers: {
        ...options.headers,
        ...(options.body !== undefined && { "content-type": "application/json" }),
      },
      ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    });
  } catch (error) {
    // The caller went away on purpose: that is not a fault of the network.
    if (options.signal?.aborted) throw options.signal.reason;
    throw new ApiError(0, error === timeout.reason ? "The edge did not answer." : EDGE_UNREACHABLE);
  }
  if (response.ok || response.status === NOT_MODIFIED) return response;
  throw await refusalOf(response);
}

/** What went wrong in the edge's own words; a proxy in between may have answered with HTML. */
async function refusalOf(response: Response): Promise<ApiError> {
  const { status } = response;
  if (response.headers.get("content-type")?.includes("json")) {
    try {
      const problem = (await response.json()) as Partial<Problem>;
      const words = problem.detail || problem.title;
      if (words) return new ApiError(status, words, problem.code ?? null);
    } catch {
      // A body cut off in transit says no more than its status does.
    }
  }
  return new ApiError(status, `The edge answered with status ${status}.`);
}

export async function callForJson<Answer>(...args: Parameters<typeof call>): Promise<Answer> {
  return readJson(await call(...args));
}

async function readJson<Answer>(response: Response): Promise<Answer> {
  try {
    return (await response.json()) as Answer;
  } catch {
    throw new ApiError(0, "The edge's answer was cut off.");
  }
}

/** An answer, and what the edge calls it: so it can be asked whether that is still so. */
export type Tagged<Item> = { item: Item; etag: string | null };

/**
 * @param etag of the answer that is known already
 * @returns "unchanged" if that is still the answer
 */
export async function callUnlessKnown<Item>(
  path: string,
  etag: string | null,
  signal?: AbortSignal,
): Promise<Tagged<Item> | "unchanged"> {
  const headers: Record<string, string> = etag === null ? {} : { "if-none-match": etag };
  const response = await call("GET", path, { signal, headers });
  if (response.status === NOT_MODIFIED) return "unchanged";
  return { item: await readJson(response), etag: response.headers.get("etag") };
}

/** @returns null where there is no such thing */
export async function callToFind<Item>(path: string, signal?: AbortSignal): Promise<Item | null> {
  try {
    return await callForJson<Item>("GET", path, { signal });
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return null;
    throw error;
  }
}

export function inQuery(wishes: Record<string, string | number | null | undefined>): string {
  const query = new URLSearchParams();
  for (const [name, wish] of Object.entries(wishes)) {
    if (wish !== null && wish !== undefined) query.set(name, String(wish));
  }
  return query.toString();
}

/** Every item of a list, page after page. */
export async function callForAll<Item>(path: string, signal?: AbortSignal): Promise<Item[]> {
  const items: Item[] = [];
  const url = new URL(path, location.origin);
  for (;;) {
    const page: Page<Item> = await callForJson("GET", url.pathname + url.search, { signal });
    items.push(...page.items);
    if (page.next_cursor === null) return items;
    url.searchParams.set("cursor", page.next_cursor);
  }
}
