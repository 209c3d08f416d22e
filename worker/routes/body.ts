import type { Context } from "hono";
import * as v from "valibot";
import { isId } from "../../protocol/ids.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { describeIssues } from "../../protocol/messages.ts";
import { ProblemError } from "../problem.ts";

/**
 * The body of a request, checked against its schema.
 * @param maxBytes 64 KiB if not given
 * @throws {ProblemError} 415 if it is not sent as JSON, 413 if it is larger, 400 with the field that is wrong
 */
export async function readBody<Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
  maxBytes = MAX_MESSAGE_BYTES,
): Promise<v.InferOutput<Schema>> {
  const text = await readText(c.req.raw, maxBytes);
  // A form of a foreign page can send text/plain without asking; it cannot send this.
  if (text !== "" && !/^application\/json\b/i.test(c.req.header("content-type") ?? "")) {
    throw new ProblemError(
      415,
      "not_json",
      "Send the body as JSON, with content-type: application/json.",
    );
  }
  let json: unknown;
  try {
    json = text === "" ? {} : JSON.parse(text);
  } catch {
    throw new ProblemError(400, "malformed_json", "The body is not valid JSON.");
  }
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) throw new ProblemError(400, "invalid_body", describeIssues(parsed.issues));
  return parsed.output;
}

/**
 * The query of a request, checked against its schema.
 * @throws {ProblemError} 400 with the parameter that is wrong, or that there is not
 */
export function readQuery<Schema extends v.GenericSchema>(
  c: Context,
  schema: Schema,
): v.InferOutput<Schema> {
  const parsed = v.safeParse(schema, c.req.query());
  if (!parsed.success) throw new ProblemError(400, "invalid_query", describeIssues(parsed.issues));
  return parsed.output;
}

/** How long a body of at most 64 KiB may take. */
const BODY_MS = 10_000;

function tooSlow(): ProblemError {
  const detail = `The body did not come within ${BODY_MS / 1000} s.`;
  return new ProblemError(408, "body_too_slow", detail);
}

/** Reads a body up to the limit: one that is larger, or lies about its length, is not read on. */
async function readText(request: Request, maxBytes: number): Promise<string> {
  if (!request.body) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const late = AbortSignal.timeout(BODY_MS);
  const tooLate = new Promise<never>((_, reject) => {
    late.addEventListener("abort", () => reject(tooSlow()));
  });
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), tooLate]);
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > maxBytes) {
        const limit = `${Math.floor(maxBytes / 1024)} KiB`;
        throw new ProblemError(413, "body_too_large", `The body is over ${limit}.`);
      }
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    // Of one that is too large or too late nothing more is read.
    await reader.cancel();
  }
}

/** An id from the path. @throws {ProblemError} 400 if it cannot be one */
export function pathId(c: Context, name: string): string {
  const id = c.req.param(name) ?? "";
  if (!isId(id)) {
    throw new ProblemError(
      400,
      "malformed_id",
      "An id is 1 to 64 of the characters A-Z a-z 0-9 _ -",
    );
  }
  return id;
}
