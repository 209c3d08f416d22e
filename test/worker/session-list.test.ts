import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, Session } from "../../protocol/api.ts";
import { type SessionFilter, sessionQueries } from "../../worker/objects/registry/session-query.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

let rig: Rig;
let people: People;
let desktop: Desktop;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  desktop = await Desktop.start(rig);
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

async function list(query: string): Promise<Page<Session>> {
  const answer = people.asAdmin("GET", `/api/vnc/sessions?${query}`);
  return (await people.wanted(200, answer)).json<Page<Session>>();
}

/** Every session that a list holds, read page by page. */
async function listAll(query: string): Promise<Session[]> {
  const items: Session[] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const page: Page<Session> = await list(`${query}${cursor && `&cursor=${cursor}`}`);
    items.push(...page.items);
    cursor = page.next_cursor;
  }
  return items;
}

describe("an answer that is asked for again", () => {
  it.each(["/api/vnc/sessions", "/api/vnc/session/:id", "/api/hosts", "/api/hosts/:host"])(
    "at %s is a 304 while it is the same, and a whole one when it changed",
    async (template) => {
      const agent = await rig.startAgent({ allow: [`127.0.0.1:${desktop.server.port}`] });
      const { session_id } = await rig.api.createSession({
        host_id: agent.hostId,
        port: desktop.server.port,
      });
      const path = template.replace(":id", session_id).replace(":host", agent.hostId);
      const ask = (etag?: string) =>
        people.call(path, {
          headers: { ...bearer(ADMIN_TOKEN), ...(etag !== undefined && { "if-none-match": etag }) },
        });
      const first = await ask();
      const etag = first.headers.etag ?? "";
      expect(etag).toMatch(/^W\/"[^"]+"$/);
      expect(await ask(etag)).toMatchObject({ status: 304, text: "" });
      expect(await ask(`"another", ${etag}`)).toMatchObject({ status: 304 });
      expect(await ask('"another"')).toMatchObject({ status: 200, text: first.text });
      await agent.stop();
      await rig.edgeLog.waitFor("host.offline", { host: agent.hostId });
      const changed = await ask(etag);
      expect(changed.status).toBe(200);
      expect(changed.headers.etag).not.toBe(etag);
    },
  );

  it("with a ticket in it is never a 304", async () => {
    const id = await desktop.session();
    const path = `/api/vnc/session/${id}?ticket=view`;
    const first = await people.call(path, { headers: bearer(ADMIN_TOKEN) });
    const headers = { ...bearer(ADMIN_TOKEN), "if-none-match": first.headers.etag ?? "" };
    const again = await people.call(path, { headers });
    expect(again.status).toBe(200);
    expect(again.text).not.toBe(first.text);
  });
});

describe("a list of sessions", () => {
  /** A number of sessions of a host, oldest first. */
  async function make(count: number): Promise<{ host: string; ids: string[] }> {
    const agent = await rig.startAgent({ allow: [`127.0.0.1:${desktop.server.port}`] });
    const ids: string[] = [];
    for (let n = 0; n < count; n++) {
      const body = { host_id: agent.hostId, port: desktop.server.port, label: `${n}` };
      ids.push((await rig.api.createSession(body)).session_id);
    }
    return { host: agent.hostId, ids };
  }

  const ids = (sessions: Session[]) => sessions.map(({ session_id }) => session_id);

  it("says of each what asking for it says", async () => {
    const { host, ids: made } = await make(3);
    for (const session of (await list(`host_id=${host}`)).items) {
      const path = `/api/vnc/session/${session.session_id}`;
      const {
        standing: _,
        your_role: __,
        ...alone
      } = (await people.asAdmin("GET", path)).json<
        Session & { standing: string; your_role: string }
      >();
      expect(session).toEqual(alone);
      expect(made).toContain(session.session_id);
    }
  });

  it("holds those that have not ended, the newest first; with a status those of it", async () => {
    const { host, ids: made } = await make(4);
    const [a = "", b = "", c = "", d = ""] = made;
    await rig.api.endSession(b);
    const offline = await rig.startAgent({ allow: [] });
    const away = await rig.api.createSession({ host_id: offline.hostId, port: 5999 });
    await offline.stop();
    await rig.edgeLog.waitFor("host.offline", { host: offline.hostId });

    expect(ids((await list(`host_id=${host}`)).items)).toEqual([d, c, a]);
    expect(ids((await list(`host_id=${host}&status=ended`)).items)).toEqual([b]);
    expect(ids((await list(`host_id=${host}&status=active`)).items)).toEqual([d, c, a]);
    expect(ids((await list(`host_id=${host}&status=unreachable`)).items)).toEqual([]);
    expect(ids((await list(`host_id=${host}&status=all`)).items)).toEqual([d, c, b, a]);
    expect(ids((await list(`host_id=${host}&status=queued`)).items)).toEqual([]);
    const unreachable = (await list("status=unreachable")).items;
    expect(ids(unreachable)).toContain(away.session_id);
    expect(unreachable.every(({ status }) => status === "unreachable")).toBe(true);
  });

  it("goes on where it was, though sessions are made and end between its pages", async () => {
    const { host, ids: made } = await make(6);
    const [a, b, c, d, e, f] = made as [string, string, string, string, string, string];
    const first = await list(`host_id=${host}&limit=2`);
    expect(ids(first.items)).toEqual([f, e]);
    await rig.api.endSession(f);
    await rig.api.endSession(c);
    await rig.api.createSession({ host_id: host, port: desktop.server.port });
    const second = await list(`host_id=${host}&limit=2&cursor=${first.next_cursor}`);
    expect(ids(second.items)).toEqual([d, b]);
    const third = await list(`host_id=${host}&limit=2&cursor=${second.next_cursor}`);
    expect(third).toMatchObject({ items: [{ session_id: a }], next_cursor: null });
  });

  it.each([
    "status=open",
    "status=",
    "host_id=a%20b",
    "batch_id=",
    "cursor=x",
    "cursor=",
    "cursor=1.a%20b",
    "limit=0",
    "limit=101",
    "limit=ten",
    "state=active",
  ])("is refused for the query %s, with a sentence", async (query) => {
    const answer = await people.asAdmin("GET", `/api/vnc/sessions?${query}`);
    expect(answer).toMatchObject({ status: 400, code: "invalid_query" });
    expect(answer.json<{ detail: string }>().detail).toContain(query.split("=")[0]);
  });
});

describe("10,000 sessions", () => {
  const COUNT = 10_000;
  const MANY = "a-host-of-many";
  const BATCH = "a-batch";

  beforeAll(async () => {
    // In the index alone: that a list holds them shows that it asks no session's object.
    const [template] = (await rig.stored(
      "Registry",
      "registry",
      "SELECT document FROM session_index LIMIT 1",
    )) as [{ document: string }];
    const document = template.document.replaceAll("'", "''");
    await rig.stored(
      "Registry",
      "registry",
      `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${COUNT - 1})
       INSERT INTO session_index (session_id, host_id, batch_id, state, created_at, version, document)
       SELECT 'many-' || i, '${MANY}', iif(i % 100 = 0, '${BATCH}', NULL),
         iif(i % 10 = 0, 'ended', 'open'), 1000000 + i / 7, 1,
         json_set('${document}', '$.session_id', 'many-' || i, '$.host_id', '${MANY}',
           '$.state', iif(i % 10 = 0, 'ended', 'open'))
       FROM n`,
    );
  });

  it("are listed page by page, each once, newest first, without asking any of them", async () => {
    const all = await listAll(`host_id=${MANY}&status=all`);
    expect(new Set(all.map(({ session_id }) => session_id)).size).toBe(COUNT);
    expect(all).toHaveLength(COUNT);
    expect((await listAll(`host_id=${MANY}`)).length).toBe(COUNT * 0.9);
    expect((await listAll(`host_id=${MANY}&status=ended`)).length).toBe(COUNT * 0.1);
    expect((await listAll(`batch_id=${BATCH}&status=all`)).length).toBe(COUNT / 100);
  });

  it("of which none is active are looked through in pages that end, and hold none", async () => {
    const page = await list(`host_id=${MANY}&status=active&limit=5`);
    expect(page.items).toEqual([]);
    expect(page.next_cursor).not.toBeNull();
    expect(await listAll(`host_id=${MANY}&status=active`)).toEqual([]);
  });

  const after = { created_at: 1_000_000, session_id: "many-5" };
  const filters: [string, Omit<SessionFilter, "states">][] = [
    ["no other filter", {}],
    ["a host", { host_id: MANY }],
    ["a batch", { batch_id: BATCH }],
    ["a host and a batch", { host_id: MANY, batch_id: BATCH }],
  ];
  for (const [what, filter] of filters) {
    for (const [where, more] of [
      ["first", {}],
      ["next", { after }],
    ] as const) {
      it(`by status and ${what} are found through an index, in order, on the ${where} page`, async () => {
        for (const [query, ...values] of sessionQueries(
          { states: ["open"], ...filter, ...more },
          9,
        )) {
          // Values as literals: the plan depends on what is compared, not with what.
          let n = 0;
          const literal = query.replaceAll("?", () => {
            const value = values[n++];
            return typeof value === "number" ? String(value) : `'${value}'`;
          });
          const plan = (await rig.stored(
            "Registry",
            "registry",
            `EXPLAIN QUERY PLAN ${literal}`,
          )) as {
            detail: string;
          }[];
          const steps = plan.map(({ detail }) => detail);
          expect(steps).toEqual([
            expect.stringMatching(
              /^SEARCH session_index USING INDEX sessions_(by_state|of_host|of_batch) \(/,
            ),
          ]);
          if ("after" in more) expect(steps[0]).toMatch(/created_at/);
        }
      });
    }
  }
});
