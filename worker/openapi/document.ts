import { type ConversionConfig, type JsonSchema, toJsonSchema } from "@valibot/to-json-schema";
import type * as v from "valibot";
import * as api from "../../protocol/api.ts";
import { Id } from "../../protocol/ids.ts";
import { JoinAnswer } from "../../protocol/link.ts";
import { OPERATIONS, type Operation } from "../../protocol/operations.ts";
import { type Need, needOf } from "../identity/guard.ts";

/** A route as Hono lists it, once for each of its handlers. */
type Route = { method: string; path: string; handler: unknown };

/**
 * The API in OpenAPI 3.1: each operation of protocol/operations.ts, with what its route needs.
 * @param origin where it is asked for, which is where it is served
 */
export function describeApi(routes: readonly Route[], origin: string) {
  const paths: Record<string, Record<string, object>> = {};
  for (const [name, operation] of Object.entries<Operation>(OPERATIONS)) {
    const [method = "", path = ""] = name.split(" ");
    const need = needOfRoute(routes, method, path);
    const key = path.replaceAll(/:(\w+)/g, "{$1}");
    paths[key] = { ...paths[key], [method.toLowerCase()]: describe(path, operation, need) };
  }
  return {
    openapi: "3.1.1",
    info: {
      title: "Porthole",
      version: "1",
      description:
        "The screen of a private machine, in a browser. JSON in snake_case; times are RFC 3339 in UTC; " +
        "a problem is RFC 9457 with a stable `code`. A body is at most 64 KiB.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: origin }],
    tags: [...new Set(Object.keys(paths).map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(
        [...NAMES].map(([schema, name]) => [name, convert(schema, false, true)]),
      ),
      securitySchemes: {
        token: {
          type: "http",
          scheme: "bearer",
          description: "An API key, or the admin token.",
        },
        cookie: {
          type: "apiKey",
          in: "cookie",
          name: "__Host-porthole",
          description: "Of a browser that signed in; on plain http its name is `porthole`.",
        },
      },
    },
  };
}

/** @throws {Error} if the operation is no route */
function needOfRoute(routes: readonly Route[], method: string, path: string): Need {
  for (const route of routes) {
    const need = needOf(route.handler);
    if (route.method === method && route.path === path && need !== undefined) return need;
  }
  throw new Error(`${method} ${path} is described and is no route.`);
}

const OPEN_TO_ALL: ReadonlySet<Need> = new Set(["nobody", "secret", "supportGuest"]);

const WHO: Partial<Record<Need, string>> = {
  nobody: "Open to all.",
  secret: "Open to all: the secret in its body is the credential.",
  room: "For a guest of this room, and for every role.",
  supportGuest: "Open to all: a browser has the room that it opened.",
  self: "For guests, and for every role.",
  guest: "For a guest of this session, and for every role.",
  viewer: "For every role.",
  operator: "For operators and admins.",
  admin: "For admins.",
};

function describe(path: string, operation: Operation, need: Need) {
  const { id, summary, query, headers = {}, body, status, answer } = operation;
  const schema = query && convert(query, false, true);
  const params = [...path.matchAll(/:(\w+)/g)].map(([, name = ""]) => name);
  return {
    operationId: id,
    summary,
    description: WHO[need],
    tags: [tagOf(path)],
    security: OPEN_TO_ALL.has(need) ? [] : [{ token: [] }, { cookie: [] }],
    parameters: [
      ...params.map((name) => ({ name, in: "path", required: true, schema: convert(Id, true) })),
      ...Object.entries(schema?.properties ?? {}).map(([name, one]) => ({
        name,
        in: "query",
        schema: one,
      })),
      ...Object.entries(headers).map(([name, one]) => ({
        name,
        in: "header",
        schema: convert(one, true),
      })),
    ],
    ...(body && { requestBody: { required: true, content: json(convert(body, true)) } }),
    responses: {
      [status]: { description: "What was asked for.", ...contentOf(answer) },
      ...(operation.hasETag && { 304: { description: "It is as the caller has it already." } }),
      ...problemsOf(operation, need, params.length > 0),
    },
  };
}

function contentOf(answer: Operation["answer"]) {
  if (answer === null) return {};
  if (answer === "text") return { content: { "text/plain": { schema: { type: "string" } } } };
  if (answer === "html") return { content: { "text/html": { schema: { type: "string" } } } };
  return { content: json(answer === "object" ? { type: "object" } : convert(answer, false)) };
}

/** The statuses of an operation's problems, each with its codes. */
function problemsOf(operation: Operation, need: Need, hasId: boolean) {
  const codes: (readonly [status: number, code: string])[] = [[500, "internal"]];
  if (operation.body) {
    codes.push([400, "malformed_json"], [400, "invalid_body"], [408, "body_too_slow"]);
    codes.push([413, "body_too_large"], [415, "not_json"]);
  }
  if (operation.query) codes.push([400, "invalid_query"]);
  if (operation.headers) codes.push([400, "malformed_idempotency_key"]);
  if (hasId) codes.push([400, "malformed_id"]);
  if (need === "secret" || need === "supportGuest")
    codes.push([403, "origin_not_allowed"], [429, "too_many_attempts"]);
  if (!OPEN_TO_ALL.has(need)) {
    codes.push([401, "not_signed_in"], [401, "bad_credential"], [403, "origin_not_allowed"]);
    codes.push([403, "role_too_low"], [429, "too_many_attempts"], [429, "too_many_failures"]);
    codes.push([503, "not_configured"]);
  }
  codes.push(...(operation.problems ?? []));
  return Object.fromEntries(
    [...Map.groupBy(codes, ([status]) => status)].map(([status, found]) => [
      status,
      {
        description: [...new Set(found.map(([, code]) => `\`${code}\``))].join(", "),
        content: { "application/problem+json": { schema: convert(api.Problem, false) } },
      },
    ]),
  );
}

function json(schema: object) {
  return { "application/json": { schema } };
}

/** What a path is about: its first word after `/api/`, or after `/api/vnc/`. */
function tagOf(path: string): string {
  const word = /^\/api\/(?:vnc\/)?(\w+)/.exec(path)?.[1] ?? "";
  return TAGS[word] ?? "edge";
}

const TAGS: Record<string, string> = {
  session: "sessions",
  sessions: "sessions",
  links: "sessions",
  hosts: "hosts",
  agent: "hosts",
  servers: "servers",
  login: "identity",
  logins: "identity",
  logout: "identity",
  keys: "identity",
  me: "identity",
  audit: "identity",
  chat: "chat",
};

/** The shapes of answers, which the description refers to by their names in the code. */
const NAMES = new Map<v.GenericSchema, string>(
  Object.entries({ ...api, JoinAnswer }).flatMap(([name, value]) =>
    typeof value === "object" && value.type === "object"
      ? [[value as v.GenericSchema, name] as const]
      : [],
  ),
);

/**
 * A schema in JSON Schema.
 * @param isInput what may be sent, before it is transformed; otherwise what comes of it
 * @param isDefinition whether it is written out though it has a name
 */
function convert(schema: v.GenericSchema, isInput: boolean, isDefinition = false): JsonSchema {
  const name = isDefinition ? undefined : NAMES.get(schema);
  if (name !== undefined) return { $ref: reference(name) };
  const definitions = Object.fromEntries(
    [...NAMES].filter(([named]) => named !== schema).map(([named, title]) => [title, named]),
  );
  const {
    $schema: _,
    $defs: __,
    ...converted
  } = toJsonSchema(schema, {
    ...CONVERSION,
    definitions,
    typeMode: isInput ? "input" : "output",
  });
  return converted;
}

function reference(name: string): string {
  return `#/components/schemas/${name}`;
}

const CONVERSION: ConversionConfig = {
  target: "draft-2020-12",
  // What a JSON Schema cannot say: that text is trimmed, and what a check compares.
  ignoreActions: ["trim", "check"],
  overrideRef: ({ referenceId }) => reference(referenceId),
};
