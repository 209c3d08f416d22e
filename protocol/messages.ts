import * as v from "valibot";

/** A message that is JSON with a `type`, one that we do not know, or nothing that we can read. */
export type Parsed<Message> =
  | { kind: "message"; message: Message }
  | { kind: "unknown"; type: string }
  | { kind: "malformed"; why: string };

/**
 * Reads one text message against a schema.
 * @param data what the socket delivered; binary is malformed on a link and in a chat
 */
export function parseMessage<Schema extends v.GenericSchema & VariantOfTypes>(
  schema: Schema,
  data: unknown,
): Parsed<v.InferOutput<Schema>> {
  if (typeof data !== "string") return { kind: "malformed", why: "it is not text" };
  let json: unknown;
  try {
    json = JSON.parse(data);
  } catch {
    return { kind: "malformed", why: "it is not JSON" };
  }
  const parsed = v.safeParse(schema, json);
  if (parsed.success) return { kind: "message", message: parsed.output };
  const head = v.safeParse(v.object({ type: v.string() }), json);
  if (!head.success) return { kind: "malformed", why: "it is not an object with a type" };
  const known = schema.options.some((option) => option.entries.type.literal === head.output.type);
  if (!known) return { kind: "unknown", type: head.output.type.slice(0, 40) };
  return { kind: "malformed", why: describeIssues(parsed.issues) };
}

type VariantOfTypes = {
  readonly options: readonly {
    readonly entries: { readonly type: { readonly literal: string } };
  }[];
};

/**
 * The first thing that a schema found wrong, as one sentence part: `displays.0.port: must be a
 * number`, `unknown field "colour"`. What was received is not repeated: it can be a password.
 */
export function describeIssues(issues: readonly v.BaseIssue<unknown>[]): string {
  const first = issues[0];
  if (!first) return "it does not have the right shape";
  const path = v.getDotPath(first);
  if (path && isAboutKey(first)) {
    return first.expected === "never" ? `unknown field "${path}"` : `"${path}" is missing`;
  }
  const words = isOwn(first) ? first.message : wordsFor(first);
  return path ? `${path}: ${words}` : words;
}

/** Whether an object has a field too much or too little, and its own fields say nothing of it. */
function isAboutKey({ kind, type, path, message }: v.BaseIssue<unknown>): boolean {
  const isObject = kind === "schema" && /^(\w+_)?object$/.test(type);
  return isObject && path?.at(-1)?.origin === "key" && message.startsWith("Invalid key: ");
}

/** Whether a schema of ours has words of its own: valibot's are made of what it expected and got. */
function isOwn({ message, received }: v.BaseIssue<unknown>): boolean {
  return !(message.startsWith("Invalid ") && message.endsWith(`eceived ${received}`));
}

function wordsFor({ type, expected, requirement, input }: v.BaseIssue<unknown>): string {
  const entries = Array.isArray(input) ? "entries" : "characters";
  switch (type) {
    case "string":
      return "must be a string";
    case "number":
      return "must be a number";
    case "boolean":
      return "must be true or false";
    case "array":
      return "must be a list";
    case "object":
    case "strict_object":
    case "record":
      return "must be an object";
    case "literal":
      return `must be ${expected}`;
    case "picklist":
    case "variant":
      return `must be one of ${expected?.replace(/^\(|\)$/g, "").replaceAll(" | ", ", ")}`;
    case "integer":
    case "safe_integer":
      return "must be a whole number";
    case "min_length":
      return `must have at least ${requirement} ${entries}`;
    case "max_length":
      return `must have at most ${requirement} ${entries}`;
    case "min_value":
      return `must be at least ${requirement}`;
    case "max_value":
      return `must be at most ${requirement}`;
    case "gt_value":
      return `must be more than ${requirement}`;
    case "parse_json":
      return "must be JSON";
    case "url":
      return "must be a URL";
    case "ip":
      return "must be an IP address";
    case "iso_timestamp":
      return 'must be a time, as in "2026-11-22T10:00:00Z"';
    default:
      return "is not valid";
  }
}
