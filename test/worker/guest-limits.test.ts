import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { AuditEntry, Page } from "../../protocol/api.ts";
import {
  MAX_STREAMS_PER_LINK,
  MAX_STREAMS_PER_WATCHER,
  MAX_VIEWERS_PER_SESSION,
  STAFF_PLACES_PER_SESSION,
} from "../../protocol/limits.ts";
import { poll } from "../../scripts/poll.ts";
import { bearer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectServed, People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import type { Viewer } from "../support/viewer.ts";

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

/** Somebody who comes by a link, as a browser does. */
async function guestOf(secret: string) {
  return people.browser((await people.redeem(secret)).cookie);
}

/** Opens so many desktops, and waits until each shows a picture. */
async function open(count: number, one: () => Viewer): Promise<Viewer[]> {
  const viewers = Array.from({ length: count }, one);
  await Promise.all(viewers.map(expectServed));
  return viewers;
}

const closeAll = (viewers: Viewer[]) => Promise.all(viewers.map((viewer) => viewer.close()));

/** What the audit says of the guests of a link. */
async function linesOf(link: string, action: string): Promise<AuditEntry[]> {
  const page = (await people.asAdmin("GET", "/api/audit?limit=200")).json<Page<AuditEntry>>();
  const ofLink = page.items.filter(({ actor }) => actor === `link:${link}`);
  return ofLink.filter((line) => line.action === action);
}

describe("a guest who opens a session's desktop again and again", () => {
  it(`has it ${MAX_STREAMS_PER_WATCHER} times, and another guest and the operator come in`, async () => {
    const session = await desktop.session();
    const { secret } = await people.shareLink(session);
    const [greedy, other] = [await guestOf(secret), await guestOf(secret)];
    const view = (browser: Record<string, string>) => () => people.stream(session, browser);
    const viewers = await open(MAX_STREAMS_PER_WATCHER, view(greedy));
    expect((await view(greedy)().closed).code).toBe(4429);
    const others = await open(1, view(other));
    others.push(...(await open(MAX_STREAMS_PER_WATCHER + 1, view(bearer(ADMIN_TOKEN)))));

    await viewers.pop()?.close();
    await rig.edgeLog.waitFor("stream.closed", { session });
    await poll(10_000, "the session to forget a stream", async () => {
      return (await rig.api.session(session)).viewers < MAX_STREAMS_PER_WATCHER + others.length;
    });
    await closeAll([...viewers, ...others, ...(await open(1, view(greedy)))]);
  });
});

describe("the guests of a session", () => {
  it("take no more than a part of it by one link, and by all links leave room for operators", async () => {
    const session = await desktop.session();
    const viewers: Viewer[] = [];
    /** Has a link's guests open what they can get. @returns how much that is */
    const crowd = async (): Promise<number> => {
      const { secret } = await people.shareLink(session);
      for (let got = 0; ; ) {
        const browser = await guestOf(secret);
        for (let own = 0; own < MAX_STREAMS_PER_WATCHER; own++) {
          const viewer = people.stream(session, browser);
          const served = expectServed(viewer).then(() => true);
          if (!(await Promise.race([served, viewer.closed.then(() => false)]))) return got;
          viewers.push(viewer);
          got++;
        }
      }
    };
    expect(await crowd()).toBe(MAX_STREAMS_PER_LINK);
    const left = MAX_VIEWERS_PER_SESSION - STAFF_PLACES_PER_SESSION - MAX_STREAMS_PER_LINK;
    expect(await crowd()).toBe(left);
    const asStaff = () => people.stream(session, bearer(ADMIN_TOKEN));
    viewers.push(...(await open(STAFF_PLACES_PER_SESSION, asStaff)));
    expect((await asStaff().closed).code).toBe(4429);
    await closeAll(viewers);
  });
});

describe("a guest who asks for tickets without end", () => {
  it("is told to wait, as no other guest is, and has a bounded part of the audit", async () => {
    const session = await desktop.session();
    const { secret, link_id } = await people.shareLink(session);
    const [greedy, other] = [await guestOf(secret), await guestOf(secret)];
    const ask = (browser: Record<string, string>) =>
      people.askTicket(session, browser, { role: "view" });
    const asked = await Promise.all(Array.from({ length: 80 }, () => ask(greedy)));
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([201, 429]));
    // Of each link so many lines of a kind: those of another guest are among them.
    const more = await Promise.all(Array.from({ length: 40 }, () => ask(other)));
    expect(new Set(more.map(({ status }) => status))).toEqual(new Set([201]));

    const issued = () => linesOf(link_id, "ticket.issued");
    await poll(10_000, "the audit to have its last line of them", async () => {
      return (await issued()).some(({ detail }) => detail?.includes("are in the log only"));
    });
    expect(await issued()).toHaveLength(60);
  });
});

describe("a guest who comes to a chat without end", () => {
  it("has a bounded part of the audit, of coming and of going", async () => {
    const session = await desktop.session();
    const { secret, link_id } = await people.shareLink(session);
    const browser = await guestOf(secret);
    for (let round = 0; round < 5; round++) {
      const members = Array.from({ length: 14 }, () => people.chat(session, browser));
      await Promise.all(members.map((member) => member.next("welcome")));
      await closeAll(members);
    }
    for (const action of ["chat.opened", "chat.closed"]) {
      await poll(10_000, `the audit to have its last line of ${action}`, async () => {
        const lines = await linesOf(link_id, action);
        return lines.some(({ detail }) => detail?.includes("are in the log only"));
      });
      expect(await linesOf(link_id, action)).toHaveLength(60);
    }
  });
});
