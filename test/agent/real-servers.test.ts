import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { LoginAttempts } from "../../agent/rfb/login-attempts.ts";
import { poll } from "../../scripts/poll.ts";
import {
  cutText,
  extendedCutText,
  keyEvent,
  PSEUDO,
  pointerEvent,
  qemuKeyEvent,
  setDesktopSize,
  setEncodings,
  updateRequest,
  xvp,
} from "../support/client-messages.ts";
import { FakeEdge, openStream } from "../support/fake-edge.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";
import { KINDS, type Kind, PackagedServer, SHOWN_DISPLAY } from "../support/vnc-servers.ts";
import { XClient } from "../support/x-client.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

const PASSWORD = "geheim12";
/** Its port is above those where agents look for displays: no other agent fails logins there. */
const DISPLAY = 10_095;

let edge: FakeEdge;
let shown: Xvnc;

beforeAll(async () => {
  shown = await startXvnc(SHOWN_DISPLAY);
});

afterAll(() => shown?.kill());

beforeEach(async () => {
  edge = await FakeEdge.start();
});

afterEach(async () => {
  await edge.close();
  await PackagedServer.killAll();
});

async function view(port: number, options: Parameters<typeof openStream>[2] = {}) {
  const opened = openStream(edge, port, options);
  return { ...opened, viewer: new RfbViewer(await edge.accept()) };
}

/** Asks for the whole picture in Raw. @returns the number of rectangles of the update that comes */
async function askForPicture(viewer: RfbViewer): Promise<number> {
  viewer.send(setEncodings(0), updateRequest(false, 0, 0, 16, 16));
  const head = await viewer.read(4); // RFC 6143, 7.6.1: type 0, padding, number of rectangles
  expect(head[0]).toBe(0);
  return head.readUInt16BE(2);
}

describe.each(Object.entries(KINDS))("%s", (_, kind) => {
  it("without a password shows its picture, to one who controls and to one who watches", async () => {
    const server = await PackagedServer.start(kind, DISPLAY, null);
    for (const role of ["control", "view"] as const) {
      const { viewer, stream } = await view(server.port, { rights: { role } });
      const { width, height } = await viewer.join();
      expect(width * height).toBeGreaterThan(0);
      expect(await askForPicture(viewer)).toBeGreaterThan(0);
      viewer.socket.close();
      await stream.finished;
    }
    await server.kill();
  });

  it("that is killed leaves no shared memory to the machine, which has few segments for all", async () => {
    const server = await PackagedServer.start(kind, DISPLAY, null);
    await server.kill();
    expect(server.sharedMemorySegments).toBe(0);
  });

  it("with a password takes the host's, and the viewer needs none", async () => {
    const server = await PackagedServer.start(kind, DISPLAY, PASSWORD);
    const { viewer, stream } = await view(server.port, { password: PASSWORD });
    await viewer.join();
    expect(await askForPicture(viewer)).toBeGreaterThan(0);
    viewer.socket.close();
    await stream.finished;
    await server.kill();
  });

  it("with a password that only the viewer knows takes the viewer's, and no other", async () => {
    const server = await PackagedServer.start(kind, DISPLAY, PASSWORD);
    const wrong = await view(server.port);
    expect(await wrong.viewer.agree()).toEqual([2]);
    expect(await wrong.viewer.answerWith("falsch")).toBe(1);
    expect(await wrong.viewer.reason()).not.toBe("");
    expect((await wrong.viewer.closed).code).toBe(4502);
    const right = await view(server.port);
    await right.viewer.agree();
    expect(await right.viewer.answerWith(PASSWORD)).toBe(0);
    await right.viewer.init();
    expect(await askForPicture(right.viewer)).toBeGreaterThan(0);
    right.viewer.socket.close();
    await right.stream.finished;
    await server.kill();
  });

  it("that does not take the host's password shuts nobody out, however many viewers come", async () => {
    const server = await PackagedServer.start(kind, DISPLAY, PASSWORD);
    const attempts = new LoginAttempts();
    const codes: (number | undefined)[] = [];
    for (let n = 0; n < 8; n++) {
      const { stream, reports } = openStream(edge, server.port, { password: "falsch", attempts });
      await stream.finished;
      codes.push(reports[0]?.code);
    }
    expect(codes).toEqual([4502, 4502, 4502, 4429, 4429, 4429, 4429, 4429]);
    // The owner, from this same machine, whom no agent holds back.
    const owner = await view(server.port, { password: PASSWORD, attempts: new LoginAttempts() });
    await owner.viewer.join();
    owner.viewer.socket.close();
    await owner.stream.finished;
    await server.kill();
  });
});

const SHOWS_X: Record<string, number> = {
  TigerVNC: DISPLAY,
  TightVNC: DISPLAY,
  x11vnc: SHOWN_DISPLAY,
};

describe.each(Object.entries(SHOWS_X))("%s, with a program on its display,", (name, display) => {
  const kind = KINDS[name as keyof typeof KINDS];

  it("hears nothing of what a viewer who watches may not say, and all of one in control", async () => {
    const server = await PackagedServer.start(kind, DISPLAY, null);
    const x = await XClient.connect(display);
    const press = (key: string) => {
      const keysym = key.charCodeAt(0);
      return [keyEvent(true, keysym), keyEvent(false, keysym)];
    };
    const watching = await view(server.port, { rights: { role: "view" } });
    await watching.viewer.join();
    watching.viewer.send(setEncodings(0, PSEUDO.qemuKey, PSEUDO.xvp), ...press("x"));
    watching.viewer.send(qemuKeyEvent(true, 0x78, 0x2d), qemuKeyEvent(false, 0x78, 0x2d));
    watching.viewer.send(pointerEvent(1, 30, 30), pointerEvent(0, 30, 30), cutText("x"));
    watching.viewer.send(setDesktopSize(1), xvp);
    await askForPicture(watching.viewer);
    const controlling = await view(server.port);
    await controlling.viewer.join();
    controlling.viewer.send(...press("k"));
    expect(await x.typed(1)).toBe("k");
    expect(x.clicks).toHaveLength(0);
    x.close();
    for (const { viewer, stream } of [watching, controlling]) {
      viewer.socket.close();
      await stream.finished;
    }
    await server.kill();
  });
});

/** Of QEMU, which traces what it makes of its clients' keys, buttons and wishes to standard error. */
const TRACING_QEMU: Kind = {
  ...KINDS.QEMU,
  args: (...where) => [
    ...KINDS.QEMU.args(...where),
    ...["vnc_key_event_*", "input_event_*", "vnc_msg_client_*"].flatMap((event) => [
      "-trace",
      event,
    ]),
  ],
};

/** Of each of its lines what is the same in every run. */
const TRACED =
  /vnc_key_event_\w+ down \d, sym \w+|input_event_btn [^\n]* down \d|vnc_msg_client_\w+/g;

describe("QEMU, with a trace of what it hears,", () => {
  it("hears nothing of what a viewer who watches may not say, and all of one in control", async () => {
    const server = await PackagedServer.start(TRACING_QEMU, DISPLAY, null);
    const act = (x: number, y: number) => [
      ...[keyEvent(true, x), keyEvent(false, x)],
      ...[qemuKeyEvent(true, y, 0x15), qemuKeyEvent(false, y, 0x15)],
      ...[pointerEvent(1, 30, 30), pointerEvent(0, 30, 30), setDesktopSize(1)],
    ];
    const watching = await view(server.port, { rights: { role: "view" } });
    await watching.viewer.join();
    watching.viewer.send(setEncodings(0, PSEUDO.qemuKey, PSEUDO.xvp), ...act(0x61, 0x62));
    watching.viewer.send(cutText("x"), xvp);
    await askForPicture(watching.viewer);
    const controlling = await view(server.port);
    await controlling.viewer.join();
    controlling.viewer.send(setEncodings(0, PSEUDO.qemuKey), ...act(0x78, 0x79));
    const traced = () => [...server.said.matchAll(TRACED)].map(([line]) => line);
    await poll(10_000, "QEMU to hear what was said last", () =>
      traced().some((line) => line.startsWith("vnc_msg_client")),
    );
    expect(traced()).toEqual([
      "vnc_key_event_map down 1, sym 0x78",
      "vnc_key_event_map down 0, sym 0x78",
      "vnc_key_event_ext down 1, sym 0x79",
      "vnc_key_event_ext down 0, sym 0x79",
      "input_event_btn con -1, button left, down 1",
      "input_event_btn con -1, button left, down 0",
      "vnc_msg_client_set_desktop_size",
    ]);
    for (const { viewer, stream } of [watching, controlling]) {
      viewer.socket.close();
      await stream.finished;
    }
    await server.kill();
  });
});

/** TigerVNC with a login by TLS: a type that the agent does not speak. */
const TIGERVNC_TLS: Kind = {
  ...KINDS.TigerVNC,
  args: (...where) => [...KINDS.TigerVNC.args(...where), "-SecurityTypes", "TLSVnc"],
};

describe("TigerVNC that wants TLS", () => {
  it("is handed on to one in control, with all that both say, and refused to one who watches", async () => {
    const server = await PackagedServer.start(TIGERVNC_TLS, DISPLAY, PASSWORD);
    const { viewer, stream } = await view(server.port);
    const VENCRYPT = 19;
    expect(await viewer.agree()).toEqual([VENCRYPT]);
    // VeNCrypt (rfbproto): the server's version, ours, its word for it, and its subtypes.
    viewer.send([VENCRYPT]);
    expect([...(await viewer.read(2))]).toEqual([0, 2]);
    viewer.send([0, 2]);
    const TLS_VNC = 258;
    expect([...(await viewer.read(6))]).toEqual([0, 1, 0, 0, TLS_VNC >> 8, TLS_VNC & 255]);
    viewer.socket.close();
    await stream.finished;
    const refused = openStream(edge, server.port, { rights: { role: "view" } });
    await refused.stream.finished;
    expect(refused.reports).toEqual([
      {
        kind: "failed",
        code: 4403,
        message: `The VNC server on port ${server.port} offers neither None nor VNC authentication; through any other login only full control can pass.`,
      },
    ]);
    await server.kill();
  });
});

describe("TigerVNC, with a program on its display,", () => {
  it("types nothing that hides in what it leaves unread of an extended clipboard", async () => {
    const server = await PackagedServer.start(KINDS.TigerVNC, DISPLAY, null);
    const x = await XClient.connect(DISPLAY);
    const { viewer, stream } = await view(server.port, { rights: { control: "exclusive" } });
    await viewer.join();
    viewer.send(setEncodings(0, PSEUDO.extendedClipboard));
    await askForPicture(viewer);
    // A notice of 4 bytes, and behind it what TigerVNC takes for a message: the head of a clipboard
    // that swallows the filter's own words at the change of role, and the head of a fence.
    viewer.send(extendedCutText(0x08000000, cutText("", 8 + 9)));
    expect((await viewer.closed).code).toBe(4400);
    await stream.finished;
    expect(await x.typed(0)).toBe("");
    x.close();
    await server.kill();
  });

  it("has Shift and a button released when control is taken away, and hears nothing more", async () => {
    const server = await PackagedServer.start(KINDS.TigerVNC, DISPLAY, null);
    const x = await XClient.connect(DISPLAY);
    const { viewer, stream } = await view(server.port, { rights: { control: "exclusive" } });
    await viewer.join();
    viewer.send(keyEvent(true, 0xffe1), pointerEvent(1, 100, 50));
    await x.clicked(1);
    expect(await x.held()).toEqual({ shift: true, button1: true });
    stream.setRole("view");
    expect(await x.clicked(2)).toMatchObject([{ down: true }, { down: false, x: 100, y: 50 }]);
    expect(await x.held()).toEqual({ shift: false, button1: false });
    viewer.send(keyEvent(true, 0x61), pointerEvent(1, 10, 10), setDesktopSize(0));
    await askForPicture(viewer); // what was said before it was heard, had it passed
    expect(await x.typed(0)).toBe("");
    expect(await x.clicked(2)).toHaveLength(2);
    stream.setRole("control");
    viewer.send(keyEvent(true, 0x62), keyEvent(false, 0x62));
    expect(await x.typed(1)).toBe("b");
    x.close();
    viewer.socket.close();
    await stream.finished;
    await server.kill();
  });

  it("keeps one viewer's picture when another wants the desktop for itself", async () => {
    const server = await PackagedServer.start(KINDS.TigerVNC, DISPLAY, null);
    const first = await view(server.port);
    await first.viewer.join();
    const second = await view(server.port);
    await second.viewer.enter();
    await second.viewer.init(0);
    expect(await askForPicture(second.viewer)).toBeGreaterThan(0);
    expect(await askForPicture(first.viewer)).toBeGreaterThan(0);
    for (const { viewer, stream } of [first, second]) {
      viewer.socket.close();
      await stream.finished;
    }
    await server.kill();
  });
});
