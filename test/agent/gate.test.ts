import { Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { LoginAttempts } from "../../agent/rfb/login-attempts.ts";
import { keyEvent, pointerEvent, updateRequest } from "../support/client-messages.ts";
import { FakeEdge, openStream } from "../support/fake-edge.ts";
import { type RecordingOptions, RecordingServer } from "../support/recording-server.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";

let edge: FakeEdge;
const servers: RecordingServer[] = [];

beforeEach(async () => {
  edge = await FakeEdge.start();
});

afterEach(async () => {
  vi.useRealTimers();
  await edge.close();
  for (const server of servers.splice(0)) await server.close();
});

async function serve(options?: RecordingOptions): Promise<RecordingServer> {
  const server = await RecordingServer.start(options);
  servers.push(server);
  return server;
}

/** A stream of that server, and its viewer before the first byte. */
async function view(port: number, options: Parameters<typeof openStream>[2] = {}) {
  const opened = openStream(edge, port, options);
  const viewer = new RfbViewer(await edge.accept());
  return { ...opened, viewer };
}

const VERSIONS = ["003.003", "003.007", "003.008", "003.889", "004.001", "005.000", "003.005"];

describe("the gate, before a VNC server", () => {
  it.each(VERSIONS)(
    "of version %s without a password shows the viewer RFB 3.8 and None",
    async (version) => {
      const server = await serve({ version });
      const { viewer, stream } = await view(server.port);
      expect(await viewer.join()).toEqual({ width: 64, height: 48, name: "test" });
      viewer.send(updateRequest(true));
      expect(await (await server.client()).said(10)).toEqual(updateRequest(true));
      viewer.socket.close();
      await stream.finished;
    },
  );

  it.each(VERSIONS)("of version %s that wants a password gives it the host's", async (version) => {
    const server = await serve({ version, types: [2], password: "geheim" });
    const { viewer, stream } = await view(server.port, { password: "geheim" });
    expect(await viewer.join()).toMatchObject({ name: "test" });
    viewer.socket.close();
    await stream.finished;
  });

  it.each(VERSIONS)(
    "of version %s whose password only the viewer knows carries challenge and answer",
    async (version) => {
      const server = await serve({ version, types: [2], password: "geheim" });
      const { viewer, stream } = await view(server.port);
      expect(await viewer.agree()).toEqual([2]);
      expect(await viewer.answerWith("geheim")).toBe(0);
      expect(await viewer.init()).toMatchObject({ name: "test" });
      viewer.socket.close();
      await stream.finished;
    },
  );

  it.each(VERSIONS)(
    "of version %s tells a viewer with a wrong password so, with a reason",
    async (version) => {
      const server = await serve({ version, types: [2], password: "geheim" });
      const { viewer, stream } = await view(server.port);
      await viewer.agree();
      expect(await viewer.answerWith("falsch")).toBe(1);
      const hasWords = !["003.003", "003.005", "003.007"].includes(version);
      expect(await viewer.reason()).toBe(
        hasWords ? "Authentication failure" : "The password is wrong.",
      );
      expect((await viewer.closed).code).toBe(4502);
      await stream.finished;
      await server.connections(0);
    },
  );

  it("that offers both takes None, whatever password there is", async () => {
    const server = await serve({ types: [2, 1], password: "geheim" });
    const { viewer } = await view(server.port, { password: "other" });
    expect(await viewer.join()).toMatchObject({ name: "test" });
  });

  it("that offers what the agent does not speak hands that on, to whoever may control", async () => {
    const server = await serve({ types: [6, 129] });
    const { viewer } = await view(server.port);
    expect(await viewer.agree()).toEqual([6, 129]);
  });

  it("that speaks 3.3 and wants what the agent does not speak hands that on too", async () => {
    const server = await serve({ version: "003.003", types: [30] });
    const { viewer } = await view(server.port);
    expect((await viewer.read(12)).toString()).toBe("RFB 003.003\n");
    viewer.send("RFB 003.003\n");
    expect((await viewer.read(4)).readUInt32BE()).toBe(30);
  });

  it.each([
    { role: "view" },
    { clipboard: "none" },
    { clipboard: "to_host" },
    { control: "exclusive" },
  ] as const)("that offers only what cannot be enforced is refused to %j", async (rights) => {
    const server = await serve({ types: [6] });
    const { stream, reports } = openStream(edge, server.port, { rights });
    await stream.finished;
    expect(reports).toMatchObject([{ kind: "failed", code: 4403 }]);
    expect(reports[0]?.message).toContain("through any other login only full control can pass");
  });

  it("that refuses says why, in its words", async () => {
    for (const version of ["003.003", "003.008"]) {
      const server = await serve({ version, refusal: "The desktop is being upgraded." });
      const { stream, reports } = openStream(edge, server.port);
      await stream.finished;
      expect(reports).toEqual([
        {
          kind: "failed",
          code: 4502,
          message: `The VNC server on port ${server.port} refused: The desktop is being upgraded.`,
        },
      ]);
      await server.connections(0);
    }
  });

  it("that does not take the session's password says so, and the password is in no word of it", async () => {
    const server = await serve({ types: [2], password: "geheim" });
    const { stream, reports, log } = openStream(edge, server.port, { password: "stale-one" });
    await stream.finished;
    expect(reports[0]).toMatchObject({ kind: "failed", code: 4502 });
    expect(reports[0]?.message).toBe(
      `The VNC server on port ${server.port} does not take the password that this session has: Authentication failure.`,
    );
    expect(JSON.stringify([log.events, reports])).not.toContain("stale-one");
  });
});

describe("a VNC server that logins failed at", () => {
  it("is left alone after the third, by all streams, for longer each time", async () => {
    let now = 1_000_000;
    const attempts = new LoginAttempts(() => now);
    const server = await serve({ types: [2], password: "geheim" });
    const attempt = async () => {
      const { stream, reports } = openStream(edge, server.port, { password: "wrong", attempts });
      await stream.finished;
      return reports[0];
    };
    for (let n = 0; n < 3; n++) expect(await attempt()).toMatchObject({ code: 4502 });
    expect(await attempt()).toEqual({
      kind: "failed",
      code: 4429,
      message: `The VNC server on port ${server.port} is left alone after failed logins; try again in 30 s.`,
    });
    expect(server.connected).toBe(3);
    now += 30_000;
    expect(await attempt()).toMatchObject({ code: 4502 });
    now += 59_000;
    expect(await attempt()).toMatchObject({ code: 4429 });
    now += 1_000;
    expect(await attempt()).toMatchObject({ code: 4502 });
    expect(server.connected).toBe(5);
  });

  it("is left alone as well when viewers leave its question for a password unanswered", async () => {
    const attempts = new LoginAttempts();
    const server = await serve({ types: [2], password: "geheim" });
    for (let n = 0; n < 3; n++) {
      const { viewer, stream } = await view(server.port, { attempts });
      await viewer.agree();
      viewer.socket.terminate();
      await stream.finished;
    }
    const { stream, reports } = openStream(edge, server.port, { attempts });
    await stream.finished;
    expect(reports[0]).toMatchObject({ code: 4429 });
  });

  it("is left alone at once when it says that it were too many", async () => {
    const attempts = new LoginAttempts();
    const server = await serve({ refusal: "Too many security failures" });
    for (const code of [4502, 4429]) {
      const { stream, reports } = openStream(edge, server.port, { attempts });
      await stream.finished;
      expect(reports[0]).toMatchObject({ code });
    }
    expect(server.connected).toBe(1);
  });

  it("counts anew after a login that it took", async () => {
    const attempts = new LoginAttempts();
    const server = await serve({ types: [2], password: "geheim" });
    for (const password of ["wrong", "wrong", "geheim", "wrong", "wrong"]) {
      const { viewer, stream } = await view(server.port, { attempts });
      await viewer.agree();
      expect(await viewer.answerWith(password)).toBe(password === "geheim" ? 0 : 1);
      viewer.socket.close();
      await stream.finished;
    }
    const { viewer } = await view(server.port, { attempts });
    expect(await viewer.agree()).toEqual([2]);
  });
});

describe("a viewer at the gate", () => {
  it.each([
    ["None where a password is wanted", { types: [2] }, 1],
    ["VNC authentication where None is offered", { types: [1] }, 2],
    ["a type that nobody knows", { types: [1] }, 77],
    ["no type at all", { types: [1] }, 0],
  ] as const)("that chooses %s is closed with 4400", async (_, options, type) => {
    const server = await serve(options);
    const { viewer, stream } = await view(server.port);
    await viewer.agree();
    viewer.send([type], [1]);
    expect(await viewer.closed).toEqual({
      code: 4400,
      reason: `Your viewer chose the security type ${type}, which was not offered.`,
    });
    await stream.finished;
    expect(server.clients).toHaveLength(0);
  });

  it.each([
    ["RFB 003.003\n", "with RFB 003.003"],
    ["GET / HTTP/1", "with no version"],
  ])("that answers the greeting with %j is closed with 4400", async (answer, said) => {
    const server = await serve();
    const { viewer } = await view(server.port);
    viewer.send(answer);
    expect(await viewer.closed).toEqual({
      code: 4400,
      reason: `Your viewer answered ${said}; this desktop needs RFB 003.008.`,
    });
  });

  it("that never answers is closed with 4400 after 30 s, and the server is free again", async () => {
    const server = await serve();
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { viewer, stream } = await view(server.port);
    await viewer.agree();
    vi.advanceTimersByTime(30_000);
    vi.useRealTimers();
    expect(await viewer.closed).toEqual({
      code: 4400,
      reason: "Your viewer did not go on with the handshake for 30 s.",
    });
    await stream.finished;
    await server.connections(0);
  });

  it("that has no password for two minutes is closed so that it may come again", async () => {
    const server = await serve({ types: [2], password: "geheim" });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { viewer } = await view(server.port);
    await viewer.agree();
    viewer.send([2]);
    await viewer.read(16);
    vi.advanceTimersByTime(119_000);
    expect(viewer.socket.readyState).toBe(viewer.socket.OPEN);
    vi.advanceTimersByTime(1_000);
    vi.useRealTimers();
    expect(await viewer.closed).toEqual({ code: 1001, reason: "No password came for 120 s." });
  });

  it("that wants the desktop for itself shares it all the same", async () => {
    const server = await serve();
    const first = await view(server.port);
    await first.viewer.join();
    const second = await view(server.port);
    await second.viewer.enter();
    await second.viewer.init(0);
    expect((await server.client(1)).shared).toBe(1);
    expect((await server.client(2)).shared).toBe(1);
  });

  it("that says all in one message, handshake and more, is understood", async () => {
    const server = await serve();
    const { viewer } = await view(server.port);
    viewer.send(Buffer.concat([Buffer.from("RFB 003.008\n\x01\x01"), updateRequest(false)]));
    expect(await (await server.client()).said(10)).toEqual(updateRequest(false));
  });

  it("that says all of it byte by byte is understood", async () => {
    const server = await serve();
    const { viewer } = await view(server.port);
    const all = Buffer.concat([
      Buffer.from("RFB 003.008\n\x01\x01"),
      updateRequest(false),
      keyEvent(true, 97),
    ]);
    for (const byte of all) viewer.send([byte]);
    expect(await (await server.client()).said(18)).toEqual(all.subarray(14));
  });

  it("is closed with 4502 when the server goes while it types its password", async () => {
    const server = await serve({ types: [2], password: "geheim" });
    const { viewer } = await view(server.port);
    await viewer.agree();
    for (const socket of server.sockets) socket.resetAndDestroy();
    expect((await viewer.closed).code).toBe(4502);
  });

  it("that says thousands of things in one message makes the agent write once", async () => {
    const server = await serve();
    const { viewer } = await view(server.port, { rights: { role: "view" } });
    await viewer.join();
    const client = await server.client();
    const writes = vi.spyOn(Socket.prototype, "write");
    const mixed = Buffer.concat([keyEvent(true, 97), updateRequest(true)]);
    viewer.send(Buffer.concat(Array.from({ length: 5_000 }, () => mixed)));
    await client.said(50_000);
    const toServer = writes.mock.contexts.filter((socket) => {
      return (socket as unknown as Socket).remotePort === server.port;
    });
    writes.mockRestore();
    expect(toServer.length).toBeLessThan(20);
  });

  it("whose answer the server never takes or refuses is closed with 4504 after 7 s", async () => {
    const server = await serve({ types: [2], isSilentAfterAnswer: true });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { viewer, stream } = await view(server.port);
    await viewer.agree();
    viewer.send([2]);
    viewer.send(await viewer.read(16));
    await server.answered;
    vi.advanceTimersByTime(7_000);
    vi.useRealTimers();
    expect(await viewer.closed).toEqual({
      code: 4504,
      reason: `The VNC server on port ${server.port} does not go on with the handshake.`,
    });
    await stream.finished;
    await server.connections(0);
  });

  it("that says what nobody may is closed with 4400 and the type", async () => {
    const server = await serve();
    const { viewer, stream } = await view(server.port);
    await viewer.join();
    viewer.send([99, 0, 0]);
    expect(await viewer.closed).toEqual({
      code: 4400,
      reason: "A message of your viewer has the type 99, which is not known here.",
    });
    await stream.finished;
    await server.connections(0);
  });
});

describe("a role that changes", () => {
  const EXCLUSIVE = { control: "exclusive" } as const;

  it("while the stream runs takes control away and gives it back", async () => {
    const server = await serve();
    const { viewer, stream } = await view(server.port, { rights: EXCLUSIVE });
    await viewer.join();
    const shift = keyEvent(true, 0xffe1);
    viewer.send(shift);
    const client = await server.client();
    await client.said(8);
    stream.setRole("view");
    await client.said(16);
    viewer.send(keyEvent(true, 0x62), updateRequest(true));
    await client.said(26);
    stream.setRole("control");
    viewer.send(keyEvent(true, 0x63));
    expect(await client.said(34)).toEqual(
      Buffer.concat([shift, keyEvent(false, 0xffe1), updateRequest(true), keyEvent(true, 0x63)]),
    );
  });

  it("before the viewer is let in counts from its first message", async () => {
    const server = await serve();
    const { viewer, stream } = await view(server.port, { rights: EXCLUSIVE });
    await viewer.enter();
    stream.setRole("view");
    await viewer.init();
    viewer.send(keyEvent(true, 0x62), updateRequest(true));
    expect(await (await server.client()).said(10)).toEqual(updateRequest(true));
  });

  it("while the edge is dialled counts as well", async () => {
    const server = await serve();
    const { stream } = openStream(edge, server.port, { rights: EXCLUSIVE });
    await edge.dialled();
    stream.setRole("view");
    const viewer = new RfbViewer(await edge.accept());
    await viewer.join();
    viewer.send(keyEvent(true, 0x62), updateRequest(true));
    expect(await (await server.client()).said(10)).toEqual(updateRequest(true));
  });

  it("of a stream that passes unseen does not wait until it is spliced", async () => {
    const server = await serve({ types: [6] });
    const { stream } = openStream(edge, server.port);
    await edge.dialled();
    stream.setRole("view");
    const viewer = new RfbViewer(await edge.accept());
    expect((await viewer.closed).code).toBe(1001);
    await stream.finished;
  });

  it("after the end changes nothing", async () => {
    const server = await serve();
    const { viewer, stream } = await view(server.port, { rights: EXCLUSIVE });
    await viewer.join();
    const shift = keyEvent(true, 0xffe1);
    viewer.send(shift);
    const client = await server.client();
    await client.said(8);
    stream.close(4410, "over");
    stream.setRole("view");
    stream.setRole("control");
    await stream.finished;
    await server.connections(0);
    expect(client.bytes).toEqual(Buffer.concat([shift, keyEvent(false, 0xffe1)]));
  });

  it.each([
    ["was opened without limits", { types: [1] }],
    ["passes unseen", { types: [6] }],
  ])("where the stream %s has the viewer dial again", async (_, options) => {
    const server = await serve(options);
    const { viewer, stream } = await view(server.port);
    if (options.types[0] === 1) await viewer.join();
    else await viewer.agree();
    stream.setRole("view");
    expect(await viewer.closed).toEqual({
      code: 1001,
      reason: "What you may do here has changed; connect again.",
    });
  });
});

describe("a viewer that leaves", () => {
  it("holds nothing down any more at the server", async () => {
    const server = await serve();
    const { viewer, stream } = await view(server.port);
    await viewer.join();
    const held = Buffer.concat([keyEvent(true, 0xffe1), pointerEvent(1, 7, 8)]);
    viewer.send(held);
    const client = await server.client();
    await client.said(held.length);
    viewer.socket.terminate();
    const released = Buffer.concat([keyEvent(false, 0xffe1), pointerEvent(0, 7, 8)]);
    expect(await client.said(2 * held.length)).toEqual(Buffer.concat([held, released]));
    await stream.finished;
  });
});
