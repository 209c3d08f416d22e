import type * as v from "valibot";
import type { Problem } from "../protocol/api.ts";
import type { OPERATIONS, OperationName } from "../protocol/operations.ts";

/** An answer of the API that is not the one that was wanted. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Problem | null;
  constructor(method: string, path: string, status: number, problem: Problem | null) {
    super(`${method} ${path} answered ${status}${problem ? `: ${problem.detail}` : ""}`);
    this.status = status;
    this.problem = problem;
  }
}

type Operations = typeof OPERATIONS;

/** The names in a path: `id` and `link_id` of `/api/vnc/session/:id/links/:link_id`. */
type ParamOf<Path extends string> = Path extends `${string}:${infer Name}/${infer Rest}`
  ? Name | ParamOf<`/${Rest}`>
  : Path extends `${string}:${infer Name}`
    ? Name
    : never;

type Params<Name extends string> = [ParamOf<Name>] extends [never]
  ? { params?: never }
  : { params: Record<ParamOf<Name>, string> };

type Body<One> = One extends { body: infer Schema extends v.GenericSchema }
  ? { body: v.InferInput<Schema> }
  : { body?: never };

type Query<One> = One extends { query: infer Schema extends v.GenericSchema }
  ? { query?: v.InferInput<Schema> }
  : { query?: never };

type Input<Name extends OperationName> = Params<Name> &
  Body<Operations[Name]> &
  Query<Operations[Name]> & { headers?: Record<string, string> };

/** What an operation is answered when all goes well. */
type AnswerOf<Name extends OperationName> = Operations[Name] extends { answer: infer Answer }
  ? Answer extends v.GenericSchema
    ? v.InferOutput<Answer>
    : Answer extends "text" | "html"
      ? string
      : Answer extends "object"
        ? object
        : undefined
  : never;

/** JSON as what it says, anything else as its text. */
async function readAnswer(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined;
  const isJson = response.headers.get("content-type")?.startsWith("application/json");
  return isJson ? response.json() : response.text();
}

/**
 * A client of the REST API, typed by the schemas that the edge checks and describes its calls with:
 * `client.call("GET /api/vnc/session/:id", { params: { id } })`.
 */
export class ApiClient {
  readonly edge: string;
  readonly #token: string;

  /**
   * @param edge its origin, as in http://127.0.0.1:8787
   * @param token the admin token, or an API key
   */
  constructor(edge: string, token: string) {
    this.edge = edge;
    this.#token = token;
  }

  hosts = () => this.call("GET /api/hosts", {});
  host = (id: string) => this.call("GET /api/hosts/:id", { params: { id } });
  removeHost = (id: string) => this.call("DELETE /api/hosts/:id", { params: { id } });
  scan = (id: string) => this.call("POST /api/hosts/:id/scan", { params: { id } });
  joinToken = (name?: string) =>
    this.call("POST /api/hosts/join-tokens", { body: name ? { name } : {} });
  sessions = () => this.call("GET /api/vnc/sessions", {});
  session = (id: string) => this.call("GET /api/vnc/session/:id", { params: { id } });
  createSession = (body: Input<"POST /api/vnc/sessions">["body"]) =>
    this.call("POST /api/vnc/sessions", { body });
  endSession = (id: string) => this.call("DELETE /api/vnc/session/:id", { params: { id } });
  ticket = (id: string) =>
    this.call("POST /api/vnc/session/:id/tickets", { params: { id }, body: { role: "control" } });
  applyJob = (body: Input<"POST /api/vnc/apply-job">["body"]) =>
    this.call("POST /api/vnc/apply-job", { body });
  applyBatch = (body: Input<"POST /api/vnc/batch-apply">["body"]) =>
    this.call("POST /api/vnc/batch-apply", { body });
  batch = (id: string) => this.call("GET /api/vnc/batch/:id", { params: { id } });
  endBatch = (id: string) => this.call("DELETE /api/vnc/batch/:id", { params: { id } });
  signInLink = () => this.call("POST /api/login/links", {});

  /** @throws {ApiError} on anything but success */
  async call<Name extends OperationName>(name: Name, input: Input<Name>): Promise<AnswerOf<Name>> {
    const {
      params = {},
      query = {},
      body,
      headers,
    } = input as {
      params?: Record<string, string>;
      query?: Record<string, string>;
      body?: object;
      headers?: Record<string, string>;
    };
    const [method = "", template = ""] = name.split(" ");
    const path = template.replaceAll(/:(\w+)/g, (_, key) => encodeURIComponent(params[key] ?? ""));
    const search = new URLSearchParams(query).toString();
    const response = await fetch(`${this.edge}${path}${search && `?${search}`}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) {
      const isProblem = response.headers.get("content-type") === "application/problem+json";
      const problem = isProblem ? ((await response.json()) as Problem) : null;
      throw new ApiError(method, path, response.status, problem);
    }
    return (await readAnswer(response)) as AnswerOf<Name>;
  }
}
