import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClientToRoom, Member } from "../../protocol/chat.ts";
import { LINK_PING, LINK_PING_MS, LINK_PONG } from "../../protocol/limits.ts";
import { ANSWER_MS } from "../../web/feed/kept-socket.ts";
import { LASTING_MS } from "../../web/viewer/connection.ts";
import { FakeRoomSurroundings } from "./fake-room.ts";

const ANN: Member = { id: "a", name: "Ann", role: "operator" };
const BEN: Member = { id: "b", name: "Ben", role: "guest" };

let page: FakeRoomSurroundings;

beforeEach(() => {
  page = new FakeRoomSurroundings();
  page.connection.join();
});

const WELCOME = {
  type: "welcome" as const,
  me: ANN,
  members: [BEN, ANN],
  last_rev: 0,
  from_rev: 1,
  reads: [],
};

/** When it is 21:40 in UTC, it is tomorrow in Tokyo. */
const NEXT_MORNING = /, until .*23.*6:40[^U]*\.$/;

/** The room lets the page in, as Ann; Ben has control. */
function welcome(): void {
  page.socket.says(WELCOME);
  page.socket.says({ type: "control", holder: BEN, asking: [] });
}

describe("the room of a session", () => {
  it("says who one is, who is here and who controls", () => {
    welcome();
    const control = { holder: BEN, asking: [] };
    expect(page.state).toEqual({
      link: "here",
      refused: null,
      isOver: false,
      me: ANN,
      members: [BEN, ANN],
      control,
    });
  });

  it("says who asks, and who comes and goes", () => {
    welcome();
    page.socket.says({ type: "control", holder: BEN, asking: [ANN] });
    page.socket.says({ type: "presence", members: [ANN] });
    const control = { holder: BEN, asking: [ANN] };
    expect(page.state).toMatchObject({ link: "here", me: ANN, members: [ANN], control });
  });

  it("is asked for what somebody wants, in its own words", () => {
    welcome();
    page.connection.request("ask");
    page.connection.request("give", "b");
    expect(page.socket.sent.map((text) => JSON.parse(text))).toEqual([
      { type: "control", op: "ask" },
      { type: "control", op: "give", to: "b" },
    ]);
  });

  it("that refuses is quoted, and nothing else changes", () => {
    welcome();
    const before = page.state;
    const refusal = { type: "error", code: "not_staff", message: "Only an operator can." } as const;
    page.socket.says(refusal);
    expect(page.heard.at(-1)).toEqual(refusal);
    expect(page.state).toBe(before);
  });

  describe("that says until when it refuses", () => {
    const zone = process.env.TZ;
    beforeEach(() => {
      process.env.TZ = "Asia/Tokyo";
      welcome();
    });
    afterEach(() => {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    });

    it("in a message, is quoted with the reader's own time", () => {
      const message = "An operator muted you here, until 2026-11-22 21:40 UTC.";
      page.socket.says({ type: "error", code: "muted", message });
      expect(page.heard.at(-1)).toMatchObject({ message: expect.stringMatching(NEXT_MORNING) });
    });

    it("as it closes, is quoted with the reader's own time", () => {
      page.socket.events.closed(4403, "An operator removed you, until 2026-11-22 21:40 UTC.");
      expect(page.state?.refused).toMatch(NEXT_MORNING);
    });
  });

  it("may say many things in one frame, which are taken in their order", () => {
    page.socket.says([
      WELCOME,
      { type: "control", holder: BEN, asking: [] },
      { type: "control", holder: ANN, asking: [BEN] },
    ]);
    expect(page.state?.control).toEqual({ holder: ANN, asking: [BEN] });
    expect(page.heard.map(({ type }) => type)).toEqual(["welcome", "control", "control"]);
  });

  it("that asks whether all has arrived gets its own mark back", () => {
    page.socket.says([WELCOME, { type: "sync", mark: "m1" }]);
    expect(page.socket.sent).toEqual([JSON.stringify({ type: "sync", mark: "m1" })]);
  });

  it("of a session that all control at once is joined as well", () => {
    page.socket.says(WELCOME);
    expect(page.state).toMatchObject({ link: "here", me: ANN, control: null });
  });

  it.each<ClientToRoom>([
    { type: "send", cid: "c", text: "hello" },
    { type: "edit", seq: 1, text: "hello" },
    { type: "delete", seq: 1 },
  ])("that does not answer a $type is found out soon, however many follow it", (message) => {
    welcome();
    const say = () => page.connection.say(message);
    for (let waited = 0; waited < ANSWER_MS; waited += 2_500) {
      expect(say()).toBe(true);
      page.advance(2_500);
    }
    expect(page.state?.link).toBe("away");
    expect(say()).toBe(false);
  });

  it("that dies right after it answered is found out as soon", () => {
    welcome();
    page.connection.say({ type: "send", cid: "c1", text: "hello" });
    page.socket.events.heard(LINK_PONG);
    page.connection.say({ type: "send", cid: "c2", text: "nobody hears this" });
    page.advance(ANSWER_MS);
    expect(page.state?.link).toBe("away");
  });

  it("may talk of what this page does not know", () => {
    welcome();
    const before = page.state;
    page.socket.events.heard(JSON.stringify({ type: "typing", who: "b" }));
    expect(page.state).toBe(before);
  });
});

describe("a room that is away", () => {
  it.each([1001, 1006, 1011, 4429])(
    "after the code %d keeps what it said, and is joined again",
    (code) => {
      welcome();
      const before = page.state;
      page.socket.events.closed(code, "");
      expect(page.state).toEqual({ ...before, link: "away" });
      page.advance(1_000);
      expect(page.sockets).toHaveLength(2);
      welcome();
      expect(page.state?.link).toBe("here");
    },
  );

  it.each([4401, 4403, 4404, 4410])(
    "after the code %d is left alone until something changes",
    (code) => {
      welcome();
      page.socket.events.closed(code, "An operator removed you.");
      expect(page.nextIn).toBeNull();
      const isOver = code === 4410;
      const refused = "An operator removed you.";
      expect(page.state).toMatchObject({ link: "away", refused, isOver });
      page.connection.wake();
      expect(page.sockets).toHaveLength(2);
    },
  );

  it("is asked for nothing: nobody would hear it", () => {
    welcome();
    page.socket.events.closed(1006, "");
    page.advance(1_000);
    page.connection.request("take");
    expect(page.sockets.flatMap(({ sent }) => sent)).toEqual([]);
  });

  it("is joined after waits that grow, apart by chance, and start again after one that lasted", () => {
    page.random = 0.999_999;
    const waits: number[] = [];
    for (let i = 0; i < 5; i++) {
      page.socket.events.closed(1006, "");
      waits.push(Math.round((page.nextIn ?? 0) / 1_000));
      page.advance(10_000);
    }
    expect(waits).toEqual([2, 4, 8, 10, 10]);
    welcome();
    page.advance(LASTING_MS);
    page.socket.events.closed(1006, "");
    expect(Math.round((page.nextIn ?? 0) / 1_000)).toBe(2);
  });

  it("is joined at once when the network comes back or the tab is looked at", () => {
    page.hidden = true;
    page.socket.events.closed(1006, "");
    expect(page.nextIn).toBe(30_000);
    page.connection.wake();
    expect(page.sockets).toHaveLength(2);
  });

  it("changes nothing by what its dropped socket still says", () => {
    welcome();
    const [first] = page.sockets;
    first?.events.closed(1006, "");
    page.advance(1_000);
    welcome();
    const before = page.state;
    first?.says({ type: "control", holder: ANN, asking: [] });
    first?.events.closed(4410, "");
    expect(page.state).toBe(before);
  });
});

describe("a room that does not answer", () => {
  it("to the upgrade is dialled again", () => {
    page.advance(ANSWER_MS);
    expect(page.state?.link).toBe("away");
    expect(page.socket.closed).toBe(true);
    page.advance(1_000);
    expect(page.sockets).toHaveLength(2);
  });

  it("to a ping is taken for dead", () => {
    welcome();
    page.advance(LINK_PING_MS);
    expect(page.socket.sent).toEqual([LINK_PING]);
    page.advance(ANSWER_MS - 1);
    expect(page.state?.link).toBe("here");
    page.advance(1);
    expect(page.state?.link).toBe("away");
    expect(page.socket.closed).toBe(true);
  });

  it("is found out soon after the tab is looked at again", () => {
    welcome();
    page.connection.wake();
    expect(page.socket.sent).toEqual([LINK_PING]);
    page.advance(ANSWER_MS);
    expect(page.state?.link).toBe("away");
  });
});

it("a room that answers its pings is pinged for ever, on one socket", () => {
  welcome();
  for (let i = 0; i < 5; i++) {
    page.advance(LINK_PING_MS);
    page.socket.events.heard(LINK_PONG);
    page.advance(ANSWER_MS);
  }
  expect(page.socket.sent).toEqual(Array(5).fill(LINK_PING));
  expect(page.sockets).toHaveLength(1);
});

it("a page that is left closes the room and dials no more", () => {
  welcome();
  page.connection.stop();
  expect(page.socket.closed).toBe(true);
  expect(page.nextIn).toBeNull();
});
