import { beforeEach, describe, expect, it } from "vitest";
import type { Change } from "../../protocol/events.ts";
import { LINK_PING, LINK_PING_MS, LINK_PONG } from "../../protocol/limits.ts";
import { SEEN_EVERY } from "../../web/feed/feed.ts";
import { ANSWER_MS } from "../../web/feed/kept-socket.ts";
import { LASTING_MS } from "../../web/viewer/connection.ts";
import { FakeFeedSurroundings } from "./fake-feed.ts";

let page: FakeFeedSurroundings;

beforeEach(() => {
  page = new FakeFeedSurroundings();
  page.feed.join();
});

function change(seq: number): Change {
  return { kind: "host", seq, at: "2026-11-22T10:00:00Z", id: "h", change: "online" };
}

describe("the feed", () => {
  it("has everything read once it misses nothing any more, and then tells each change", () => {
    expect(page.told).toEqual([]);
    page.socket.says({ kind: "ready", seq: 7 });
    page.socket.says(change(8));
    expect(page.socket.since).toBeNull();
    expect(page.told).toEqual(["live", "reset", 8]);
  });

  it("goes on where it was after it was cut, and has nothing read that it will be told", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    page.socket.says(change(8));
    page.socket.events.closed(1006, "");
    page.advance(1_000);
    expect(page.socket.since).toBe(8);
    page.socket.says({ kind: "ready", seq: 8 });
    page.socket.says(change(9));
    expect(page.told).toEqual(["live", "reset", 8, "away", "live", 9]);
  });

  it("has everything read anew when changes were missed, and goes on from there", () => {
    page.socket.says({ kind: "ready", seq: 5_000 });
    page.socket.events.closed(1006, "");
    page.advance(1_000);
    // Also one that begins to count anew: the edge's word is what counts.
    page.socket.says({ kind: "reset", seq: 3 });
    page.socket.events.closed(1006, "");
    page.advance(10_000);
    expect(page.told).toEqual(["live", "reset", "away", "live", "reset", "away"]);
    expect(page.socket.since).toBe(3);
  });

  it("does not go back when a change is told twice", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    page.socket.says(change(9));
    page.socket.says(change(8));
    page.socket.events.closed(1006, "");
    page.advance(1_000);
    expect(page.socket.since).toBe(9);
  });

  it(`says what it has seen after each ${SEEN_EVERY} changes`, () => {
    page.socket.says({ kind: "ready", seq: 0 });
    for (let seq = 1; seq < 2 * SEEN_EVERY; seq++) page.socket.says(change(seq));
    expect(page.socket.sent).toEqual([JSON.stringify({ seen: SEEN_EVERY })]);
    page.socket.says(change(2 * SEEN_EVERY));
    expect(page.socket.sent.at(-1)).toBe(JSON.stringify({ seen: 2 * SEEN_EVERY }));
  });

  it("passes over a kind that it does not know, which counts as seen", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    page.socket.events.heard(JSON.stringify({ kind: "later", seq: 8, id: "b" }));
    page.socket.events.closed(1006, "");
    page.advance(1_000);
    expect(page.told).toEqual(["live", "reset", "away"]);
    expect(page.socket.since).toBe(8);
  });
});

describe("a feed that is away", () => {
  it("and was never let in asks to be told why", () => {
    page.socket.events.closed(1006, "");
    expect(page.told).toEqual(["away", "refused"]);
  });

  it("because its credential is no more asks at once to be told so", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    page.socket.events.closed(4401, "");
    expect(page.told).toEqual(["live", "reset", "away", "refused"]);
  });

  it("is dialled after waits that grow, apart by chance, and start again after one that lasted", () => {
    page.random = 0.999_999;
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      page.socket.events.closed(1006, "");
      waits.push(Math.round((page.nextIn ?? 0) / 1_000));
      page.advance(10_000);
    }
    expect(waits).toEqual([2, 4, 8, 10, 10]);
    page.socket.says({ kind: "ready", seq: 1 });
    page.advance(LASTING_MS);
    page.socket.events.closed(1006, "");
    expect(Math.round((page.nextIn ?? 0) / 1_000)).toBe(2);
  });

  it("is dialled at once when the network comes back or the tab is looked at", () => {
    page.hidden = true;
    page.socket.events.closed(1006, "");
    expect(page.nextIn).toBe(30_000);
    page.feed.wake();
    expect(page.sockets).toHaveLength(2);
  });

  it("tells nothing by what its dropped socket still says", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    const [first] = page.sockets;
    first?.events.closed(1006, "");
    page.advance(1_000);
    page.socket.says({ kind: "ready", seq: 7 });
    const before = [...page.told];
    first?.says(change(8));
    first?.events.closed(1006, "");
    expect(page.told).toEqual(before);
  });
});

describe("a feed that does not answer", () => {
  it("to the upgrade is dialled again", () => {
    page.advance(ANSWER_MS);
    expect(page.told).toEqual(["away", "refused"]);
    expect(page.socket.closed).toBe(true);
    page.advance(1_000);
    expect(page.sockets).toHaveLength(2);
  });

  it("to a ping is taken for dead", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    page.advance(LINK_PING_MS);
    expect(page.socket.sent).toEqual([LINK_PING]);
    page.advance(ANSWER_MS - 1);
    expect(page.told.at(-1)).toBe("reset");
    page.advance(1);
    expect(page.told.at(-1)).toBe("away");
    expect(page.socket.closed).toBe(true);
  });

  it("is found out soon after the tab is looked at again", () => {
    page.socket.says({ kind: "ready", seq: 7 });
    page.feed.wake();
    expect(page.socket.sent).toEqual([LINK_PING]);
    page.advance(ANSWER_MS);
    expect(page.told.at(-1)).toBe("away");
  });
});

it("a feed that answers its pings is pinged for ever, on one socket", () => {
  page.socket.says({ kind: "ready", seq: 7 });
  for (let i = 0; i < 5; i++) {
    page.advance(LINK_PING_MS);
    page.socket.events.heard(LINK_PONG);
    page.advance(ANSWER_MS);
  }
  expect(page.socket.sent).toEqual(Array(5).fill(LINK_PING));
  expect(page.sockets).toHaveLength(1);
});

it("a page that is left closes the feed and dials no more", () => {
  page.socket.says({ kind: "ready", seq: 7 });
  page.feed.stop();
  expect(page.socket.closed).toBe(true);
  expect(page.nextIn).toBeNull();
});
