import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LoginAttempts } from "../../agent/rfb/login-attempts.ts";
import { FakeEdge, openStream } from "../support/fake-edge.ts";
import { RecordingServer } from "../support/recording-server.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";
import { KINDS, PackagedServer } from "../support/vnc-servers.ts";

const PASSWORD = "geheim12";
const TARGET = { host: "127.0.0.1", port: 5901 };
const TURN_MS = 1_000;

/**
 * TigerVNC's Blacklist.cxx: an address is marked with each connection and cleared by a login; at
 * five marks it is let in once when its time is over, and that time doubles.
 */
class Blacklist {
  #marks = 0;
  #blockedUntil = 0;
  #blockMs = 10_000;

  isBlocked(now: number): boolean {
    return this.#marks >= 5 && now < this.#blockedUntil;
  }

  connect(now: number): boolean {
    if (this.isBlocked(now)) return false;
    if (this.#marks < 5) {
      this.#marks++;
    } else {
      this.#blockedUntil = now + this.#blockMs;
      this.#blockMs *= 2;
    }
    return true;
  }
}

/** As sessions and the configuration have them, each out of date in its own way. */
const WRONG: Record<string, (step: number) => string | null> = {
  "one password": () => "wrong",
  "two by turns": (step) => (step % 2 ? "wrong" : "old"),
  "one, and what viewers guess,": (step) => (step % 2 ? "wrong" : null),
  "another each time": String,
};

describe("the agent, at a server like TigerVNC whose password it has wrong,", () => {
  it.each(Object.entries(WRONG))(
    "leaves the owner more than two thirds of the time, however long %s is tried",
    async (_, guess) => {
      let now = 0;
      const attempts = new LoginAttempts(() => now);
      const server = new Blacklist();
      let tried = 0;
      let blocked = 0;
      const STEPS = 20_000;
      const STEP_MS = 5_000;
      for (let step = 0; step < STEPS; step++, now += STEP_MS) {
        // One that must wait does not begin: the server sees nothing of it.
        const attempt = await attempts.begin(TARGET, guess(step), TURN_MS).catch(() => null);
        if (attempt) {
          tried++;
          if (server.connect(now)) attempt.failed();
          else attempt.refused("Too many security failures");
          attempt.endTurn();
        }
        if (server.isBlocked(now)) blocked++;
      }
      expect(tried).toBeGreaterThan(10);
      expect(blocked / STEPS).toBeLessThan(1 / 3);
    },
  );

  it("tries another password at once, which may be the right one", async () => {
    const attempts = new LoginAttempts();
    for (let n = 0; n < 3; n++) {
      const attempt = await attempts.begin(TARGET, "wrong", TURN_MS);
      attempt.failed();
      attempt.endTurn();
    }
    await expect(attempts.begin(TARGET, "wrong", TURN_MS)).rejects.toThrow("is left alone");
    const right = await attempts.begin(TARGET, "right", TURN_MS);
    right.succeeded();
    right.endTurn();
    (await attempts.begin(TARGET, "wrong", TURN_MS)).missed();
  });

  it("tries one other password while it waits, and not the next", async () => {
    let now = 0;
    const attempts = new LoginAttempts(() => now);
    const fail = async (password: string) => {
      const attempt = await attempts.begin(TARGET, password, TURN_MS);
      attempt.failed();
      attempt.endTurn();
    };
    for (let n = 0; n < 3; n++) await fail("wrong");
    const unheard = await attempts.begin(TARGET, "mistyped", TURN_MS);
    unheard.missed(); // as when the server is just not there
    unheard.endTurn();
    await fail("mistyped");
    for (const password of ["wrong", "mistyped", "right"]) {
      const tried = attempts.begin(TARGET, password, TURN_MS);
      await expect(tried).rejects.toThrow("is left alone after failed logins; try again in 60 s.");
    }
    now += 60_000;
    await fail("wrong"); // its time is over
    const right = await attempts.begin(TARGET, "right", TURN_MS);
    right.succeeded();
  });
});

describe("login attempts", () => {
  it("at one server do not count for the same port of another", async () => {
    const attempts = new LoginAttempts();
    for (let n = 0; n < 3; n++) {
      const attempt = await attempts.begin(TARGET, null, TURN_MS);
      attempt.failed();
      attempt.endTurn();
    }
    const other = await attempts.begin({ host: "192.168.4.2", port: 5901 }, null, TURN_MS);
    other.missed();
    await expect(attempts.begin(TARGET, null, TURN_MS)).rejects.toThrow("is left alone");
  });

  it("wait for each other, and not without end", async () => {
    const attempts = new LoginAttempts();
    const first = await attempts.begin(TARGET, null, TURN_MS);
    await expect(attempts.begin(TARGET, null, 1)).rejects.toThrow("is slow to let others in");
    const third = attempts.begin(TARGET, null, TURN_MS);
    first.succeeded();
    first.endTurn();
    (await third).missed();
  });
});

let edge: FakeEdge;

beforeEach(async () => {
  edge = await FakeEdge.start();
});

afterEach(() => edge.close());

describe("twenty viewers who come at once", () => {
  it("make one login each, one after the other, where the host has the password", async () => {
    const server = await RecordingServer.start({ types: [2], password: PASSWORD });
    const attempts = new LoginAttempts();
    const streams = Array.from({ length: 20 }, () =>
      openStream(edge, server.port, { password: PASSWORD, attempts }),
    );
    for (const _ of streams) await new RfbViewer(await edge.accept()).join();
    expect(server.clients).toHaveLength(20);
    for (const { stream } of streams) stream.close(4410, "over");
    await Promise.all(streams.map(({ stream }) => stream.finished));
    await server.close();
  });

  it("try a wrong password of the host three times in all", async () => {
    const server = await RecordingServer.start({ types: [2], password: PASSWORD });
    const attempts = new LoginAttempts();
    const streams = Array.from({ length: 20 }, () =>
      openStream(edge, server.port, { password: "wrong", attempts }),
    );
    await Promise.all(streams.map(({ stream }) => stream.finished));
    expect(server.connected).toBe(3);
    await server.close();
  });

  it("are at the password three at a time, where they are asked for it", async () => {
    const server = await RecordingServer.start({ types: [2], password: PASSWORD });
    const attempts = new LoginAttempts();
    const opened = Array.from({ length: 20 }, () => openStream(edge, server.port, { attempts }));
    const refused = opened.filter(({ reports }) => reports.length > 0);
    const asked: RfbViewer[] = [];
    for (let n = 0; n < 3; n++) asked.push(new RfbViewer(await edge.accept()));
    await Promise.all(opened.slice(3).map(({ stream }) => stream.finished));
    expect(refused).toHaveLength(0); // none at once: each waited for its turn
    expect(opened.at(-1)?.reports).toEqual([
      {
        kind: "failed",
        code: 4429,
        message: `Others are at the password of the VNC server on port ${server.port}; try again when they are in.`,
      },
    ]);
    for (const viewer of asked) {
      await viewer.agree();
      expect(await viewer.answerWith(PASSWORD)).toBe(0);
      viewer.socket.close();
    }
    await Promise.all(opened.map(({ stream }) => stream.finished));
    const late = openStream(edge, server.port, { attempts });
    await edge.dialled();
    late.stream.close(4410, "over");
    await late.stream.finished;
    await server.close();
  });
});

/** What a viewer can do to a server that asks for a password without ever giving the right one. */
const HOSTILE: Record<string, (viewer: RfbViewer, stream: { close(): void }) => Promise<void>> = {
  "leave at the greeting": async (viewer) => {
    await viewer.read(12);
    viewer.socket.terminate();
  },
  "answer the greeting with another version": async (viewer) => {
    viewer.send("RFB 003.003\n");
    await viewer.closed;
  },
  "guess and leave without waiting": async (viewer) => {
    viewer.send(Buffer.concat([Buffer.from("RFB 003.008\n\x02"), Buffer.alloc(16, 7)]));
    viewer.socket.close();
  },
  "leave at the question for the password": async (viewer) => {
    await viewer.agree();
    viewer.socket.terminate();
  },
  "be ended by the edge": async (_, stream) => stream.close(),
};

describe("TigerVNC, with a password that the agent does not know,", () => {
  let server: PackagedServer;

  beforeAll(async () => {
    server = await PackagedServer.start(KINDS.TigerVNC, 42, PASSWORD);
  });

  afterAll(() => server?.kill());

  it.each(Object.keys(HOSTILE))("still lets its owner in after viewers that %s", async (what) => {
    const attempts = new LoginAttempts();
    for (let n = 0; n < 9; n++) {
      const { stream, reports } = openStream(edge, server.port, { attempts });
      const isDialled = await Promise.race([
        edge.dialled().then(() => true),
        stream.finished.then(() => false),
      ]);
      if (isDialled) {
        const viewer = new RfbViewer(await edge.accept());
        await HOSTILE[what]?.(viewer, { close: () => stream.close(4410, "over") });
      }
      await stream.finished;
      expect(reports.at(-1)?.kind).toBe(n < 3 ? "closed" : "failed");
    }
    await ownerLogsIn(server);
  });

  it("still lets its owner in after viewers that nobody waits for in the middle of a login", async () => {
    const attempts = new LoginAttempts();
    for (let n = 0; n < 9; n++) {
      const { stream } = openStream(edge, server.port, { password: PASSWORD, attempts });
      await new Promise((resolve) => setImmediate(resolve)); // the login has begun
      stream.close(4410, "over");
      await stream.finished;
    }
    await ownerLogsIn(server);
  });
});

/** From this machine's own address, as the agent; nothing of the agent holds it back. */
async function ownerLogsIn(server: PackagedServer): Promise<void> {
  const own = await FakeEdge.start(); // at the other one somebody who left may wait still
  const { stream } = openStream(own, server.port, { password: PASSWORD });
  const owner = new RfbViewer(await own.accept());
  await owner.join();
  owner.socket.close();
  await stream.finished;
  await own.close();
}
