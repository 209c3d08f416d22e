import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Page, ShareLink, Ticket } from "../../protocol/api.ts";
import { MAX_LINKS_PER_SESSION } from "../../protocol/limits.ts";
import type { Answer } from "../support/call.ts";
import { Desktop } from "../support/desktop.ts";
import { expectHeard, expectServed, People, type ShareLinkMade } from "../support/people.ts";
import { type Rig, startRig } from "../support/rig.ts";
import type { Viewer } from "../support/viewer.ts";

let rig: Rig;
let people: People;
let desktop: Desktop;
let session: string;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
  desktop = await Desktop.start(rig);
  session = await desktop.session();
});

afterAll(async () => {
  await desktop.stop();
  await rig.stop();
});

const linksPath = (id = session) => `/api/vnc/session/${id}/links`;

async function listed(linkId: string): Promise<ShareLink | undefined> {
  const page = (await people.asAdmin("GET", linksPath())).json<Page<ShareLink>>();
  return page.items.find(({ link_id }) => link_id === linkId);
}

/** Comes by a link as a browser does. */
async function guestOf(link: ShareLinkMade): Promise<{ answer: Answer; browser: Headers }> {
  const answer = await people.redeem(link.secret);
  return { answer, browser: people.browser(answer.cookie) };
}
type Headers = Record<string, string>;

function closeAll(viewers: Viewer[]): Promise<unknown> {
  return Promise.all(viewers.map((viewer) => viewer.close()));
}

describe("a share link", () => {
  it("shows its secret only in the answer that made it, in the fragment of its URL", async () => {
    const { secret, url, ...link } = await people.shareLink(session, { label: "for Ann" });
    expect(url).toBe(`${rig.edge.url}/share#${secret}`);
    expect(link).toMatchObject({ role: "control", label: "for Ann", uses: 0, max_uses: null });
    expect(await listed(link.link_id)).toEqual(link);
    const rows = await rig.stored("VncSession", session, "SELECT * FROM links");
    expect(JSON.stringify(rows)).not.toContain(secret.split(".")[1]);
  });

  it("lets a guest in: with the ticket of the answer, and with the cookie, desktop and chat", async () => {
    const link = await people.shareLink(session);
    const { answer, browser } = await guestOf(link);
    expect(answer.json()).toMatchObject({ session_id: session, role: "control" });
    expect(answer.setCookie).toMatch(/^porthole-guest-[^;]+; Max-Age=\d+; Path=\/; HttpOnly; Same/);
    const { ticket } = answer.json<Ticket>();
    const viewers = [people.stream(session, { ticket }), people.stream(session, browser)];
    const member = people.chat(session, browser);
    await Promise.all([...viewers.map(expectServed), expectHeard(member)]);
    // To the others in the room they are a guest, whatever they came in by.
    expect((await member.receive(1)).toString()).toContain('"role":"guest"');
    await closeAll([...viewers, member]);
  });

  it("takes one use for each guest, and none for their reloads", async () => {
    const link = await people.shareLink(session, { max_uses: 2 });
    const { browser } = await guestOf(link);
    for (let reload = 0; reload < 5; reload++) {
      const seen = await people.call(`/api/vnc/session/${session}`, { headers: browser });
      expect(seen.status).toBe(200);
      const viewer = people.stream(session, { ticket: await people.ticket(session, browser) });
      await expectServed(viewer);
      await viewer.close();
    }
    expect((await listed(link.link_id))?.uses).toBe(1);
  });

  it("with three uses lets three of 20 in that come at once", async () => {
    const link = await people.shareLink(session, { max_uses: 3 });
    const from = "127.0.0.2"; // whose wrong secrets count against nobody else
    const coming = Array.from({ length: 20 }, () => people.redeem(link.secret, { from }));
    const answers = await Promise.all(coming);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(17);
    expect((await listed(link.link_id))?.uses).toBe(3);
  });

  it("that expires closes its guests with 4401, and lets nobody in any more", async () => {
    const link = await people.shareLink(session, { ttl_seconds: 1 });
    const { browser } = await guestOf(link);
    const stream = people.stream(session, browser);
    const chat = people.chat(session, browser);
    const reason = "The link that you came by has expired.";
    expect(await stream.closed).toEqual({ code: 4401, reason });
    expect(await chat.closed).toEqual({ code: 4401, reason });
    expect(await people.redeem(link.secret)).toMatchObject({ status: 401, code: "bad_share_link" });
    expect((await people.stream(session, browser).closed).code).toBe(4401);
  });

  it("that is revoked while connected closes its guests with 4401, and nobody else", async () => {
    const revoked = await people.shareLink(session);
    const kept = await people.shareLink(session);
    const enter = async (link: ShareLinkMade) => {
      const { answer, browser } = await guestOf(link);
      const streams = [
        people.stream(session, browser),
        people.stream(session, { ticket: answer.json<Ticket>().ticket }),
      ];
      const chat = people.chat(session, browser);
      const works = async () => {
        await Promise.all([...streams.map(expectServed), expectHeard(chat)]);
      };
      await works();
      return { browser, works, sockets: [...streams, chat] };
    };
    const [one, two, other] = [await enter(revoked), await enter(revoked), await enter(kept)];
    const ticket = await people.ticket(session, one.browser);

    const path = `${linksPath()}/${revoked.link_id}`;
    expect((await people.asAdmin("DELETE", path)).status).toBe(204);
    for (const socket of [...one.sockets, ...two.sockets]) {
      const reason = "The link that you came by was revoked.";
      expect(await socket.closed).toEqual({ code: 4401, reason });
    }
    expect((await people.stream(session, { ticket }).closed).code).toBe(4401);
    expect((await people.stream(session, one.browser).closed).code).toBe(4401);
    expect((await people.redeem(revoked.secret)).status).toBe(401);
    expect((await people.asAdmin("DELETE", path)).code).toBe("no_such_link");
    await other.works();
    await closeAll(other.sockets);
  });

  it("that is revoked while 20 of its guests are on their way lets none of them stay", async () => {
    const link = await people.shareLink(session);
    const guests = await Promise.all(Array.from({ length: 5 }, () => guestOf(link)));
    const coming = guests.flatMap(({ browser }) => [
      ...[people.stream(session, browser), people.stream(session, browser)],
      ...[people.chat(session, browser), people.chat(session, browser)],
    ]);
    await Promise.race(coming.map((viewer) => viewer.opened()));
    await people.asAdmin("DELETE", `${linksPath()}/${link.link_id}`);
    for (const viewer of coming) expect([4401, 1006]).toContain((await viewer.closed).code);
    for (const { browser } of guests) {
      expect((await people.stream(session, browser).closed).code).toBe(4401);
    }
  });

  it("ends with its session, if it would outlive it", async () => {
    const body = { host_id: desktop.agent.hostId, port: desktop.server.port, ttl_seconds: 600 };
    const { session_id, expires_at } = await rig.api.createSession(body);
    const long = await people.shareLink(session_id, { ttl_seconds: 6_000 });
    expect(long.expires_at).toBe(expires_at);
    const byDefault = await people.shareLink(session_id);
    expect(byDefault.expires_at).toBe(expires_at);
    const short = await people.shareLink(session_id, { ttl_seconds: 60 });
    expect(Date.parse(short.expires_at)).toBeLessThan(Date.parse(expires_at));
    const seconds = Number(/Max-Age=(\d+)/.exec((await people.redeem(long.secret)).setCookie)?.[1]);
    expect(seconds).toBeLessThanOrEqual(600);
  });

  it(`is refused when its session has ${MAX_LINKS_PER_SESSION} already`, async () => {
    const crowded = await desktop.session();
    for (let n = 0; n < MAX_LINKS_PER_SESSION; n++) await people.shareLink(crowded);
    const answer = await people.asAdmin("POST", linksPath(crowded), { role: "control" });
    expect(answer).toMatchObject({ status: 429, code: "too_many_links" });
  });

  it("of a session that ended lets nobody in", async () => {
    const over = await desktop.session();
    const link = await people.shareLink(over);
    const { browser } = await guestOf(link);
    await rig.api.endSession(over);
    expect((await people.redeem(link.secret)).status).toBe(410);
    expect((await people.stream(over, browser).closed).code).toBe(4401);
  });

  it.each([
    ["nothing of a secret", "x"],
    ["a secret of nobody's session", `nobody-knows-this.${"A".repeat(43)}`],
    ["a path in place of the session", `../../etc.${"A".repeat(43)}`],
  ])("with %s is refused", async (_what, secret) => {
    expect([400, 404]).toContain((await people.redeem(secret)).status);
  });

  it("is not redeemed for a foreign page", async () => {
    const link = await people.shareLink(session);
    const headers = { origin: "https://evil.example" };
    expect((await people.redeem(link.secret, { headers })).status).toBe(403);
    expect((await listed(link.link_id))?.uses).toBe(0);
  });
});

describe("a guest", () => {
  let browser: Headers;
  let other: string;

  beforeAll(async () => {
    browser = (await guestOf(await people.shareLink(session))).browser;
    other = await desktop.session();
  });

  it.each([
    ["GET", "/api/hosts"],
    ["GET", "/api/vnc/sessions"],
    ["GET", "/api/audit"],
    ["GET", "/api/keys"],
    ["POST", "/api/login/links"],
  ])("cannot call %s %s", async (method, path) => {
    expect((await people.call(path, { method, headers: browser })).status).toBe(401);
  });

  it("cannot end the session, nor see or make its links", async () => {
    const end = { method: "DELETE", headers: browser };
    expect((await people.call(`/api/vnc/session/${session}`, end)).status).toBe(401);
    expect((await people.call(linksPath(), { headers: browser })).status).toBe(401);
    const make = { method: "POST", headers: browser, body: { role: "control" } };
    expect((await people.call(linksPath(), make)).status).toBe(401);
    expect((await rig.api.session(session)).ended_at).toBeNull();
  });

  it("cannot see another session, nor get a ticket for it, nor enter it", async () => {
    const path = `/api/vnc/session/${other}`;
    expect((await people.call(path, { headers: browser })).status).toBe(401);
    const ask = { method: "POST", headers: browser, body: { role: "control" } };
    expect((await people.call(`${path}/tickets`, ask)).status).toBe(401);
    expect((await people.stream(other, browser).closed).code).toBe(4401);
    expect((await people.chat(other, browser).closed).code).toBe(4401);
    // The same secret under the other session's name is no guest's there.
    const renamed = people.browser(browser.cookie?.replace(session, other) ?? "");
    expect((await people.stream(other, renamed).closed).code).toBe(4401);
  });

  it("cannot enter another session's chat by naming their own beside it", async () => {
    const path = `/chat-ws?session=${session}&room=session:${other}`;
    expect((await people.socket(path, browser).closed).code).toBe(4403);
    const stream = `/vnc-stream/${other}?session=${session}`;
    expect((await people.socket(stream, browser).closed).code).toBe(4401);
  });

  it("is served on our own pages only: the cookie does not work from a foreign one", async () => {
    const headers = { ...browser, origin: "https://evil.example" };
    expect((await people.stream(session, headers).closed).code).toBe(4403);
    const ask = { method: "POST", headers, body: { role: "control" } };
    const answer = await people.call(`/api/vnc/session/${session}/tickets`, ask);
    expect(answer.status).toBe(403);
  });

  it("can be one in a browser whose sign-in was ended", async () => {
    const login = await people.signIn();
    const cookie = `${login}; ${browser.cookie}`;
    const path = `/api/vnc/session/${session}`;
    await people.call("/api/logout", { method: "POST", headers: people.browser(login) });
    const viewer = people.stream(session, people.browser(cookie));
    await expectServed(viewer);
    await viewer.close();
    expect((await people.call(path, { headers: { cookie } })).status).toBe(200);
    expect((await people.call("/api/hosts", { headers: { cookie } })).status).toBe(401);
  });
});
