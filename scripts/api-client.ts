import type { Host, JoinToken, Page, Problem, Session, Ticket } from "../protocol/api.ts";
import type { Clipboard, ControlMode } from "../protocol/link.ts";

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

type NewSession = {
  host_id: string;
  port: number;
  label?: string;
  ttl_seconds?: number;
  control?: ControlMode;
  clipboard?: Clipboard;
  password?: string;
};

/** A small typed client of the REST API, for the scripts, the tests and the bench. */
export class ApiClient {
  readonly edge: string;
  readonly #adminToken: string;

  /** @param edge its origin, as in http://127.0.0.1:8787 */
  constructor(edge: string, adminToken: string) {
    this.edge = edge;
    this.#adminToken = adminToken;
  }

  hosts = () => this.#call<Page<Host>>("GET", "/api/hosts");
  host = (id: string) => this.#call<Host>("GET", `/api/hosts/${id}`);
  removeHost = (id: string) => this.#call<void>("DELETE", `/api/hosts/${id}`);
  scan = (id: string) => this.#call<void>("POST", `/api/hosts/${id}/scan`);
  joinToken = (name?: string) =>
    this.#call<JoinToken>("POST", "/api/hosts/join-tokens", name ? { name } : {});
  sessions = () => this.#call<Page<Session>>("GET", "/api/vnc/sessions");
  session = (id: string) => this.#call<Session>("GET", `/api/vnc/session/${id}`);
  createSession = (body: NewSession) => this.#call<Session>("POST", "/api/vnc/sessions", body);
  endSession = (id: string) => this.#call<void>("DELETE", `/api/vnc/session/${id}`);
  ticket = (id: string) =>
    this.#call<Ticket>("POST", `/api/vnc/session/${id}/tickets`, { role: "control" });
  signInLink = () => this.#call<{ url: string; expires_at: string }>("POST", "/api/login/links");

  /** @throws {ApiError} on anything but success */
  async #call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await fetch(this.edge + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#adminToken}`,
        ...(body ? { "content-type": "application/json" } : {}),
      },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    if (!response.ok) {
      const isProblem = response.headers.get("content-type") === "application/problem+json";
      const problem = isProblem ? ((await response.json()) as Problem) : null;
      throw new ApiError(method, path, response.status, problem);
    }
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  }
}
