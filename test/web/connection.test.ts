import { beforeEach, describe, expect, it } from "vitest";
import { STREAM_SILENCE_MS } from "../../protocol/limits.ts";
import { ApiError } from "../../web/api.ts";
import { LASTING_MS, OPEN_TIMEOUT_MS } from "../../web/viewer/connection.ts";
import { FakeSurroundings } from "./fake-surroundings.ts";

let page: FakeSurroundings;

beforeEach(() => {
  page = new FakeSurroundings();
  page.connection.dial();
});

describe("connecting", () => {
  it("asks for a ticket first and dials the address that came with it", async () => {
    expect(page.tickets).toHaveLength(1);
    expect(page.streams).toHaveLength(0);
    await page.grant();
    expect(page.stream.url).toBe("wss://edge.test/vnc-stream/s?ticket=1");
  });

  it("goes on until RFB is ready, although the socket is open long before", async () => {
    const stream = await page.grant();
    stream.events.opened();
    stream.events.heard();
    expect(page.state).toEqual({ kind: "connecting" });
    stream.events.connected();
    expect(page.state).toEqual({ kind: "connected" });
  });

  it("takes a fresh ticket for every dial", async () => {
    (await page.connect()).events.closed(1006, "");
    page.advance(1_000);
    await page.grant();
    expect(page.stream.url).toBe("wss://edge.test/vnc-stream/s?ticket=2");
  });

  it("gives up on an upgrade that nobody answers, and tries again", async () => {
    await page.grant();
    page.advance(OPEN_TIMEOUT_MS);
    expect(page.state).toMatchObject({ kind: "waiting", reason: "The edge did not answer." });
    expect(page.stream.hungUp).toBe(true);
  });

  it("does not open a stream for a ticket that comes after the page was left", async () => {
    page.connection.stop();
    expect(page.tickets[0]?.signal.aborted).toBe(true);
    await page.tickets[0]?.grant();
    expect(page.streams).toHaveLength(0);
    expect(page.pendingTimers).toBe(0);
  });
});

describe("a close that can pass by itself", () => {
  it.each([
    [4408, "The agent did not answer in 10 s.", "The agent did not answer in 10 s."],
    [4429, "Too many viewers.", "Too many viewers."],
    [4502, "Port 5901 refused the connection.", "Port 5901 refused the connection."],
    [4503, "The host is offline.", "The host is offline."],
    [4504, "Port 5901 did not answer.", "Port 5901 did not answer."],
    [4503, "", "The host is offline."],
    [1000, "", "The connection was lost."],
    [1001, "The edge is being updated.", "The edge is being updated."],
    [1005, "", "The connection was lost."],
    [1006, "", "The connection was lost."],
    [1011, "", "The connection was lost."],
  ])("with code %i and reason %j waits, says %j, and dials again", async (code, reason, said) => {
    (await page.connect()).events.closed(code, reason);
    expect(page.state).toEqual({ kind: "waiting", reason: said, retryAt: page.time + 1_000 });
    page.advance(999);
    expect(page.tickets).toHaveLength(1);
    page.advance(1);
    expect(page.state).toEqual({ kind: "reconnecting", reason: said });
    expect(page.tickets).toHaveLength(2);
    await page.connect();
    expect(page.state).toEqual({ kind: "connected" });
  });
});

describe("a close that will not pass", () => {
  it.each([
    [4400, "dial-again"],
    [4401, "sign-in"],
    [4403, "overview"],
    [4404, "overview"],
    [4409, "dial-again"],
    [4410, "open-again"],
    [4999, "dial-again"],
  ])("with code %i ends, gives the reason, and offers %s", async (code, action) => {
    (await page.connect()).events.closed(code, "The reason.");
    expect(page.state).toEqual({ kind: "ended", reason: "The reason.", action });
    page.advance(3_600_000);
    page.connection.wake();
    expect(page.tickets).toHaveLength(1);
    expect(page.pendingTimers).toBe(0);
  });

  it("dials again when a person asks", async () => {
    (await page.connect()).events.closed(4409, "Opened elsewhere.");
    page.connection.dial();
    await page.connect();
    expect(page.state).toEqual({ kind: "connected" });
  });
});

describe("1006, which explains nothing", () => {
  it("is followed by the next answer's own reason", async () => {
    (await page.connect()).events.closed(1006, "");
    expect(page.state).toMatchObject({ reason: "The connection was lost." });
    page.advance(1_000);
    (await page.grant()).events.closed(4503, "The host went offline at 10:42.");
    expect(page.state).toMatchObject({
      kind: "waiting",
      reason: "The host went offline at 10:42.",
    });
  });

  it("is followed by the end, if the session has ended in the meantime", async () => {
    (await page.connect()).events.closed(1006, "");
    page.advance(1_000);
    await page.refuse(new ApiError(410, "The session has ended."));
    expect(page.state).toMatchObject({ kind: "ended", action: "open-again" });
  });
});

describe("the waits between dials", () => {
  const lose = async () => (await page.grant()).events.closed(4503, "");
  const wait = () => {
    if (page.state.kind !== "waiting") throw new Error(`it is ${page.state.kind}`);
    return page.state.retryAt - page.time;
  };

  it("may grow with every failure, to ten seconds and for ever", async () => {
    page.random = 0.999_999;
    const waits: number[] = [];
    for (let i = 0; i < 6; i += 1) {
      await lose();
      waits.push(Math.round(wait() / 1_000));
      page.advance(10_000);
    }
    expect(waits).toEqual([2, 4, 8, 10, 10, 10]);
  });

  it("start again after a connection that lasted, and not after one that did not", async () => {
    page.random = 0.999_999;
    for (let i = 0; i < 3; i += 1) {
      await lose();
      page.advance(10_000);
    }
    let stream = await page.connect();
    page.advance(LASTING_MS - 1);
    stream.events.closed(1006, "");
    expect(Math.round(wait() / 1_000)).toBe(10);

    page.advance(10_000);
    stream = await page.connect();
    page.advance(LASTING_MS);
    stream.events.closed(1006, "");
    expect(Math.round(wait() / 1_000)).toBe(2);
  });

  it("end at once when the network comes back or the tab is looked at", async () => {
    await lose();
    page.connection.wake();
    expect(page.tickets).toHaveLength(2);
    await page.grant();
    page.advance(1_000);
    expect(page.tickets).toHaveLength(2);
  });

  it("are half a minute at least in a hidden tab, and more by chance", async () => {
    page.hidden = true;
    await lose();
    expect(wait()).toBe(30_000);
    page.random = 0.5;
    page.connection.dial();
    await lose();
    expect(wait()).toBe(60_000);
  });

  it("never have more than one timer, whatever is asked in between", async () => {
    for (let i = 0; i < 20; i += 1) {
      page.connection.wake();
      page.connection.dial();
      page.connection.wake();
    }
    expect(page.pendingTimers).toBe(1);
    await lose();
    expect(page.pendingTimers).toBe(1);
  });

  it("are not cut short by waking while connected", async () => {
    await page.connect();
    page.connection.wake();
    expect(page.tickets).toHaveLength(1);
  });
});

describe("silence", () => {
  it("for a minute counts as a loss", async () => {
    const stream = await page.connect();
    page.advance(STREAM_SILENCE_MS - 1);
    expect(page.state.kind).toBe("connected");
    page.advance(1);
    expect(page.state).toMatchObject({ kind: "waiting", reason: "The connection fell silent." });
    expect(stream.hungUp).toBe(true);
    page.advance(1_000);
    expect(page.tickets).toHaveLength(2);
  });

  it("does not begin as long as anything comes, even an empty message", async () => {
    const stream = await page.connect();
    for (let i = 0; i < 10; i += 1) {
      page.advance(25_000);
      stream.events.heard();
    }
    expect(page.state.kind).toBe("connected");
    page.advance(STREAM_SILENCE_MS);
    expect(page.state.kind).toBe("waiting");
  });

  it("is noticed before the handshake is done, too", async () => {
    const stream = await page.grant();
    stream.events.opened();
    page.advance(STREAM_SILENCE_MS);
    expect(page.state.kind).toBe("waiting");
  });

  it("while the machine slept is no proof: messages may still be queued", async () => {
    const stream = await page.connect();
    page.sleep(3_600_000);
    expect(page.state.kind).toBe("connected");
    stream.events.heard();
    page.advance(STREAM_SILENCE_MS - 1);
    expect(page.state.kind).toBe("connected");
  });

  it("that goes on after the machine slept is a loss", async () => {
    await page.connect();
    page.sleep(3_600_000);
    page.sleep(60_000);
    expect(page.state.kind).toBe("waiting");
  });
});

describe("a ticket that is refused", () => {
  it.each([
    [0, "The edge cannot be reached."],
    [429, "Too many tickets."],
    [500, "It broke."],
    [503, "Not now."],
  ])("with status %i is asked for again", async (status, words) => {
    await page.refuse(new ApiError(status, words));
    expect(page.state).toMatchObject({ kind: "waiting", reason: words });
    page.advance(1_000);
    expect(page.tickets).toHaveLength(2);
  });

  it.each([
    [400, "dial-again"],
    [401, "sign-in"],
    [403, "overview"],
    [404, "overview"],
    [410, "open-again"],
  ])("with status %i ends it and offers %s", async (status, action) => {
    await page.refuse(new ApiError(status, "The reason."));
    expect(page.state).toEqual({ kind: "ended", reason: "The reason.", action });
    expect(page.pendingTimers).toBe(0);
  });
});

describe("a ticket for nobody in particular", () => {
  it("is refused to who came by a link that is over: they need a new one", async () => {
    const reason = "The link that you came by is over.";
    await page.refuse(new ApiError(401, reason, "link_over"));
    expect(page.state).toEqual({ kind: "ended", reason, action: "new-link" });
  });

  it("is refused to who is not signed in, in words for a person", async () => {
    await page.refuse(new ApiError(401, "Send a token as Bearer.", "not_signed_in"));
    const reason = "You are not signed in.";
    expect(page.state).toEqual({ kind: "ended", reason, action: "sign-in" });
  });
});

describe("what a dropped dial still says", () => {
  it("changes nothing", async () => {
    const first = await page.connect();
    first.events.closed(1006, "");
    page.advance(1_000);
    await page.connect();
    first.events.closed(4410, "The session has ended.");
    first.events.broken();
    first.events.credentialsRequired(["password"]);
    first.events.refused("no");
    expect(page.state).toEqual({ kind: "connected" });
  });
});

describe("data that noVNC does not understand", () => {
  it("counts as a loss", async () => {
    (await page.connect()).events.broken();
    expect(page.state.kind).toBe("waiting");
  });
});
