import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, Session } from "../../protocol/api.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer, call } from "../support/call.ts";
import { AgentProcess, Porthole } from "../support/porthole.ts";
import { ADMIN_TOKEN } from "../support/rig.ts";

/** How many sessions are being made, or ended, when the edge is killed. */
const CALLS = 40;
/** How many of these calls are on their way at any time, and cut by the kill. */
const AT_ONCE = 10;
/** How long the index may take to have what was decided just before a kill. */
const CAUGHT_UP_MS = 30_000;

let edge: Porthole;
let host: string;

beforeAll(async () => {
  edge = await Porthole.create({ args: ["--no-agent"], env: { ADMIN_TOKEN } });
  await edge.start();
  const agent = await AgentProcess.join(edge.api(ADMIN_TOKEN), "office-pc", []);
  host = agent.hostId;
  await agent.dispose();
});

afterAll(() => edge?.dispose());

const headers = bearer(ADMIN_TOKEN);

async function create(key: string): Promise<string> {
  const answer = await call(`${edge.url}/api/vnc/sessions`, {
    method: "POST",
    headers: { ...headers, "idempotency-key": key },
    body: { host_id: host, port: 5900, label: key },
  });
  expect(answer.status).toBe(201);
  return answer.json<Session>().session_id;
}

async function end(id: string): Promise<void> {
  const path = `${edge.url}/api/vnc/session/${id}`;
  expect((await call(path, { method: "DELETE", headers })).status).toBe(204);
}

async function listed(status: string): Promise<Session[]> {
  const items: Session[] = [];
  for (let cursor = ""; ; ) {
    const path = `/api/vnc/sessions?host_id=${host}&status=${status}${cursor}`;
    const page = (await call(edge.url + path, { headers })).json<Page<Session>>();
    items.push(...page.items);
    if (page.next_cursor === null) return items;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

/** Keeps so many calls on their way, and kills the edge when so many were answered. @returns those */
async function killAfter<Answer>(
  answered: number,
  calls: (() => Promise<Answer>)[],
): Promise<Answer[]> {
  const answers: Answer[] = [];
  const left = [...calls];
  let killing: Promise<void> | undefined;
  const callOn = async () => {
    for (let run = left.shift(); run; run = left.shift()) {
      answers.push(await run());
      if (answers.length === answered) killing = edge.kill();
    }
  };
  await Promise.allSettled(Array.from({ length: AT_ONCE }, callOn));
  expect(answers.length).toBeLessThan(calls.length);
  await killing;
  await edge.start();
  return answers;
}

describe("an edge that is killed", () => {
  it.each([1, 7, 20])(
    "when %i of 40 sessions were made has each once, when all are asked for again",
    async (answered) => {
      const keys = Array.from({ length: CALLS }, (_, n) => `${answered} of ${n}`);
      const before = await killAfter(
        answered,
        keys.map((key) => () => create(key)),
      );
      const made = await Promise.all(keys.map(create));
      expect(new Set(made).size).toBe(CALLS);
      expect(made).toEqual(expect.arrayContaining(before));
      const labels = async () =>
        (await listed("all"))
          .map(({ label }) => label)
          .filter((label) => keys.includes(label ?? ""));
      await poll(CAUGHT_UP_MS, "the list to have each once", async () => {
        return (await labels()).sort().join() === [...keys].sort().join();
      });
    },
  );

  it.each([1, 20])(
    "when %i of 40 sessions had ended has those ended, and ends the others when asked again",
    async (answered) => {
      const keys = Array.from({ length: CALLS }, (_, n) => `ending ${answered} of ${n}`);
      const made = await Promise.all(keys.map(create));
      const before = await killAfter(
        answered,
        made.map((id) => () => end(id).then(() => id)),
      );
      for (const id of before) {
        const { status, reason } = await edge.api(ADMIN_TOKEN).session(id);
        expect([status, reason]).toEqual(["ended", "The operator ended this session."]);
      }
      await Promise.all(made.map(end));
      await poll(CAUGHT_UP_MS, "the list to have all of them ended", async () => {
        const ids = (await listed("ended")).map(({ session_id }) => session_id);
        return made.every((id) => ids.includes(id));
      });
      const open = (await listed("unreachable")).map(({ session_id }) => session_id);
      expect(open.filter((id) => made.includes(id))).toEqual([]);
    },
  );
});
