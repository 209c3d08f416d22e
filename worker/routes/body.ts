import type { Context } from "hono";
import * as v from "valibot";
import { isId } from "../../protocol/ids.ts";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { describeIssues } from "../../protocol/messages.ts";
import { ProblemError } from "../problem.ts";
import { readBounded } from "../read-bounded.ts";

/**
 * The body of a request, checked against its schema.
 * @param maxBytes 64 KiB if not given
 * @throws {ProblemError} 415 if it is not sent as JSON, 413 if it is larger, 408 if it is too slow, 400
 *   with the field that is wrong
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

/** How long a body may take to come, whatever its size. */
const BODY_MS = 10_000;

async function readText(request: Request, maxBytes: number): Promise<string> {
  const late = AbortSignal.timeout(BODY_MS);
  let text: string | null;
  try {
    text = await readBounded(request.body, maxBytes, late);
  } catch (error) {
    if (!late.aborted) throw error;
    const detail = `The body did not come within ${BODY_MS / 1000} s.`;
    throw new ProblemError(408, "body_too_slow", detail);
  }
  if (text !== null) return text;
  const limit = `${Math.floor(maxBytes / 1024)} KiB`;
  throw new ProblemError(413, "body_too_large", `The body is over ${limit}.`);
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
