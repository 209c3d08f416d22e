import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { OPERATIONS, type OperationName } from "../../protocol/operations.ts";
import { type Answer, bearer, type CallOptions, call } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { Hypervisor } from "../support/hypervisor.ts";
import { PanelServer } from "../support/panel-server.ts";
import { People } from "../support/people.ts";
import { PlayedJobHost } from "../support/played-job-host.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

// The app is also loaded here, in Node, to read its routes; no object of it is ever made.
vi.mock("cloudflare:workers", () => ({ DurableObject: class {}, RpcTarget: class {} }));

type Content = Record<string, { schema: object }>;
type Described = {
  operationId: string;
  description: string;
  security: object[];
  parameters: { name: string; in: string }[];
  responses: Record<string, { description: string; content?: Content }>;
};
type Document = {
  openapi: string;
  servers: { url: string }[];
  paths: Record<string, Record<string, Described>>;
};

/** Where the panel says that its servers have their VNC. */
const HYPERVISOR = "192.168.4.2";

let rig: Rig;
let jobHost: PlayedJobHost;
let people: People;
let desktop: Desktop;
let panel: PanelServer;
let hypervisor: Hypervisor;
let servers = 0;
let document: Document;

beforeAll(async () => {
  panel = await PanelServer.start();
  rig = await startRig(panel.vars);
  people = new People(rig);
  desktop = await Desktop.start(rig);
  jobHost = await PlayedJobHost.join(rig);
  hypervisor = await Hypervisor.start(rig, HYPERVISOR);
  document = (await people.call("/api/openapi.json")).json<Document>();
});

afterAll(async () => {
  await desktop.stop();
  await jobHost.stop();
  await hypervisor.agent.stop();
  await rig.stop();
  await panel.stop();
});

/** A server of the panel's on a host that has joined. */
function newServer(): string {
  const id = String(40 + ++servers);
  panel.add(id, HYPERVISOR, 5900 + servers);
  return id;
}

/** One whose console is open. */
async function openServer(): Promise<string> {
  const id = newServer();
  await people.wanted(200, people.asAdmin("POST", `/api/servers/${id}/vnc/enable`));
  return id;
}

/** @returns a batch of one job */
async function applied(): Promise<string> {
  return (await rig.api.applyBatch({ jobUrls: ["https://example.com/"] })).batch_id;
}

const template = (path: string) => path.replaceAll(/:(\w+)/g, "{$1}");

describe("the description of the API", () => {
  it("is valid OpenAPI 3.1 to a validator that is not ours", async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe("3.1");
  });

  it("has every route of the app but WebSockets, and no other", async () => {
    const file = new URL("../../worker/app.ts", import.meta.url).pathname;
    const { app } = (await import(file)) as { app: { routes: { method: string; path: string }[] } };
    const routes = app.routes.filter(({ method }) => method !== "ALL");
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const wanted = new Set(routes.map(({ method, path }) => `${method} ${template(path)}`));
    expect(described.sort()).toEqual([...wanted].sort());
  });

  it("names each operation once, and says who may call it", () => {
    const all = Object.values(document.paths).flatMap((methods) => Object.values(methods));
    expect(new Set(all.map(({ operationId }) => operationId)).size).toBe(all.length);
    const { get, post } = document.paths["/api/vnc/sessions"] ?? {};
    expect(get?.description).toBe("For every role.");
    expect(post?.description).toBe("For operators and admins.");
    expect(post?.security).toEqual([{ token: [] }, { cookie: [] }]);
    expect(document.paths["/api/health"]?.get?.security).toEqual([]);
  });

  it("names the address where it was asked for as the server", () => {
    expect(document.servers).toEqual([{ url: rig.edge.url }]);
  });

  it("is a page too, on which nothing runs and nothing comes from elsewhere", async () => {
    const page = await people.call("/api/docs");
    expect(page.headers["content-type"]).toMatch(/^text\/html/);
    expect(page.headers["content-security-policy"]).toMatch(
      /^default-src 'none'; style-src 'sha256-/,
    );
    expect(page.text).not.toMatch(/<script|https?:\/\/(?!www\.)/);
    for (const path of Object.keys(document.paths)) {
      expect(page.text).toContain(`<code>${path}</code>`);
    }
  });
});

/** A call of each operation that goes well; what it needs first is made first. */
const CALLS: Record<
  OperationName,
  () => Promise<CallOptions & { params?: string[]; query?: string; isBrowser?: true }>
> = {
  "GET /api/health": async () => ({}),
  "GET /api/openapi.json": async () => ({}),
  "GET /api/docs": async () => ({}),
  "GET /metrics": async () => ({}),
  "GET /api/vnc/sessions": async () => {
    await desktop.session();
    return { query: "?status=active&limit=2" };
  },
  "POST /api/vnc/sessions": async () => ({
    headers: { "idempotency-key": "described" },
    body: { host_id: desktop.agent.hostId, port: desktop.server.port, label: "a label" },
  }),
  "GET /api/vnc/session/:id": async () => ({
    params: [await desktop.session()],
    query: "?ticket=view",
  }),
  "DELETE /api/vnc/session/:id": async () => ({ params: [await desktop.session()] }),
  "POST /api/vnc/session/:id/tickets": async () => ({
    params: [await desktop.session()],
    body: { role: "view", name: "Ann" },
  }),
  "GET /api/vnc/session/:id/links": async () => {
    const id = await desktop.session();
    await people.shareLink(id);
    return { params: [id] };
  },
  "POST /api/vnc/session/:id/links": async () => ({
    params: [await desktop.session()],
    body: { role: "view", label: "for Bob", max_uses: 2 },
  }),
  "DELETE /api/vnc/session/:id/links/:link_id": async () => {
    const id = await desktop.session();
    return { params: [id, (await people.shareLink(id)).link_id] };
  },
  "POST /api/links/redeem": async () => ({
    body: { secret: (await people.shareLink(await desktop.session())).secret },
  }),
  "POST /api/vnc/apply-job": async () => ({
    headers: { "idempotency-key": "a job" },
    body: { jobUrl: "https://example.com/", profile: "browser" },
  }),
  "POST /api/vnc/batch-apply": async () => ({
    body: { jobUrls: ["https://example.com/", "no url"], host_id: jobHost.hostId },
  }),
  "GET /api/vnc/batch/:id": async () => ({ params: [await applied()] }),
  "DELETE /api/vnc/batch/:id": async () => ({ params: [await applied()] }),
  "GET /api/vnc/session/:id/log": async () => {
    const job = `${await applied()}_job_0`;
    await jobHost.until(() => jobHost.running.has(job));
    return { params: [job] };
  },
  "GET /api/servers/:serverId/vnc": async () => ({ params: [await openServer()] }),
  "POST /api/servers/:serverId/vnc/enable": async () => ({ params: [newServer()] }),
  "POST /api/servers/:serverId/vnc/disable": async () => ({ params: [await openServer()] }),
  "GET /api/hosts": async () => ({}),
  "GET /api/hosts/:id": async () => ({ params: [desktop.agent.hostId] }),
  "PATCH /api/hosts/:id": async () => ({
    params: [desktop.agent.hostId],
    body: { label: "rack 4" },
  }),
  "DELETE /api/hosts/:id": async () => ({ params: [(await rig.enrol()).host_id] }),
  "POST /api/hosts/:id/scan": async () => ({ params: [desktop.agent.hostId] }),
  "GET /api/hosts/join-tokens": async () => {
    await rig.api.joinToken("a name");
    return {};
  },
  "POST /api/hosts/join-tokens": async () => ({ body: { name: "a name" } }),
  "DELETE /api/hosts/join-tokens/:id": async () => ({
    params: [(await rig.api.joinToken()).token_id],
  }),
  "POST /api/agent/join": async () => ({
    body: { token: (await rig.api.joinToken()).token, public_key: "A".repeat(43), name: "a host" },
  }),
  "POST /api/login": async () => ({ body: { admin_token: ADMIN_TOKEN } }),
  "POST /api/logout": async () => ({}),
  "POST /api/login/links": async () => ({}),
  "GET /api/me": async () => ({}),
  "GET /api/logins": async () => {
    await people.signIn();
    return {};
  },
  "DELETE /api/logins/:id": async () => {
    await people.signIn();
    const { items } = (await people.asAdmin("GET", "/api/logins")).json<{
      items: { login_id: string }[];
    }>();
    return { params: [items[0]?.login_id ?? ""] };
  },
  "GET /api/keys": async () => {
    await people.key("viewer");
    return {};
  },
  "POST /api/keys": async () => ({ body: { name: "a key", role: "viewer" } }),
  "DELETE /api/keys/:id": async () => ({ params: [(await people.key("viewer")).key_id] }),
  "GET /api/chat/rooms": async () => ({ query: "?state=waiting&limit=2" }),
  "GET /api/chat/rooms/:room/messages": async () => ({
    params: [`session:${await desktop.session()}`],
    query: "?limit=2",
  }),
  "GET /api/chat/support": async () => {
    const opened = await people.call("/api/chat/support", { method: "POST", body: {} });
    return { headers: people.browser(opened.cookie), isBrowser: true };
  },
  "POST /api/chat/support": async () => ({ body: { name: "Ann" } }),
  "GET /api/audit": async () => ({ query: "?limit=20" }),
};

/** The same schemas, that let no field pass which they do not name. */
function closed<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(closed) as Value;
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [key, closed(inner)]);
  const copy = Object.fromEntries(entries) as Value;
  return "properties" in value ? { ...copy, additionalProperties: false } : copy;
}

let ajv: Ajv2020;
beforeAll(() => {
  ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  ajv.addSchema(closed(document), "api");
});

/** Shows that an answer is one that the description has, by status, kind and shape. */
function expectDescribed(path: string, method: string, answer: Answer): void {
  const described =
    document.paths[template(path)]?.[method.toLowerCase()]?.responses[answer.status];
  expect(described, `${method} ${path} answered ${answer.status}: ${answer.text}`).toBeDefined();
  const [kind, content] = Object.entries(described?.content ?? {})[0] ?? [];
  if (kind === undefined) return expect(answer.text).toBe("");
  expect(answer.headers["content-type"]?.split(";")[0]).toBe(kind);
  if (kind.startsWith("text/")) return;
  // What the schema of an answer refers to stands in the document.
  const schema = JSON.stringify(closed(content?.schema)).replaceAll('"#/', '"api#/');
  const validate = ajv.compile(JSON.parse(schema) as object);
  validate(answer.json());
  expect(validate.errors).toBeNull();
}

describe("an operation", () => {
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const [method = "", path = ""] = name.split(" ");

    it(`${name} answers a valid call as described`, async () => {
      const { params = [], query = "", headers, isBrowser, ...options } = await CALLS[name]();
      const left = [...params];
      const url = rig.edge.url + path.replaceAll(/:\w+/g, () => left.shift() ?? "") + query;
      const answer = await call(url, {
        method,
        ...options,
        headers: { ...(isBrowser ? {} : bearer(ADMIN_TOKEN)), ...headers },
      });
      expect(answer.status).toBe(OPERATIONS[name].status);
      expectDescribed(path, method, answer);
    });

    it(`${name} answers a call without a credential, and one about nothing, as described`, async () => {
      const url = rig.edge.url + path.replaceAll(/:\w+/g, "nothing-has-this-id");
      const isRead = method === "GET" || method === "DELETE";
      const options = { method, ...(isRead ? {} : { body: {} }) };
      expectDescribed(path, method, await call(url, options));
      // Whatever it answers to that: what is described is all that it may.
      expectDescribed(path, method, await call(url, { ...options, headers: bearer(ADMIN_TOKEN) }));
    });
  }
});
