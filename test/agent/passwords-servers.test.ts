import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { ByteReader } from "../../agent/rfb/byte-reader.ts";
import { answerChallenge } from "../../agent/rfb/vnc-auth.ts";
import { setEncodings, updateRequest } from "../support/client-messages.ts";
import { AgentProcess } from "../support/porthole.ts";
import { RfbViewer } from "../support/rfb-viewer.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { KINDS, type Kind, PackagedServer, vncpasswd } from "../support/vnc-servers.ts";

/** Their ports are above those where agents look for displays: no other agent fails logins there. */
const DISPLAY = { file: 10_090, vncpasswd: 10_091, env: 10_092, command: 10_093, stale: 10_094 };
const SECRET = {
  file: "of-file1",
  vncpasswd: "of-vnc12",
  env: "of-env12",
  command: "of-comm1",
  right: "is-right",
  stale: "is-stale",
} as const;

/** Where nobody listens: the password is looked for before the server is. */
const UNREADABLE_PORT = 15_999;

/** Shows the display of the first TigerVNC. */
const X11VNC: Kind = {
  ...KINDS.x11vnc,
  args: (...where) => [...KINDS.x11vnc.args(...where), "-display", `:${DISPLAY.file}`],
};

let folder: string;
let rig: Rig;
let agent: AgentProcess;
const port = {} as Record<keyof typeof DISPLAY, number>;

function secretFile(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

/** As its owner has written it: a source of each kind, one of them out of date, one not there. */
function configuration(): object {
  return {
    displays: {
      [port.file]: { password_file: secretFile("file", `${SECRET.file}\n`) },
      [port.vncpasswd]: { vncpasswd_file: secretFile("vncpasswd", vncpasswd(SECRET.vncpasswd)) },
      [port.env]: { password_env: "VNC_PASSWORD_OF_QEMU" },
      [port.command]: { password_command: ["printf", "%s\\n", SECRET.command] },
      [port.stale]: { password_file: secretFile("stale", SECRET.stale) },
      [UNREADABLE_PORT]: { password_file: join(folder, "none") },
    },
  };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "porthole-passwords-"));
  const start = async (name: keyof typeof DISPLAY, kind: Kind, password: string) => {
    port[name] = (await PackagedServer.start(kind, DISPLAY[name], password)).port;
  };
  [rig] = await Promise.all([
    startRig(),
    start("file", KINDS.TigerVNC, SECRET.file).then(() => start("command", X11VNC, SECRET.command)),
    start("vncpasswd", KINDS.TightVNC, SECRET.vncpasswd),
    start("env", KINDS.QEMU, SECRET.env),
    start("stale", KINDS.TigerVNC, SECRET.right),
  ]);
  const ports = [...Object.values(port), UNREADABLE_PORT];
  const allow = ports.map((number) => `127.0.0.1:${number}`);
  // TigerVNC counts the test's own look whether it greets, until somebody logs in.
  expect(await logInDirectly(port.stale, SECRET.right)).toBe(0);
  agent = await AgentProcess.join(rig.api, "configured", allow, configuration());
  await agent.run({ VNC_PASSWORD_OF_QEMU: SECRET.env });
});

afterAll(async () => {
  await agent?.dispose();
  await rig?.stop();
  await PackagedServer.killAll();
  rmSync(folder, { recursive: true });
});

async function open(target: number): Promise<RfbViewer> {
  const { session_id } = await rig.api.createSession({ host_id: agent.hostId, port: target });
  const { websocket_url } = await rig.api.ticket(session_id);
  return new RfbViewer(new WebSocket(websocket_url, { perMessageDeflate: false }));
}

/** Comes in without being asked for anything. @returns the number of rectangles of its picture */
async function seePicture(target: number): Promise<number> {
  const viewer = await open(target);
  await viewer.join();
  viewer.send(setEncodings(0), updateRequest(false, 0, 0, 16, 16));
  const rectangles = (await viewer.read(4)).readUInt16BE(2); // RFC 6143, 7.6.1
  viewer.socket.close();
  await viewer.closed;
  return rectangles;
}

/** Logs in as the machine's owner does, without any agent. @returns the SecurityResult */
async function logInDirectly(target: number, password: string): Promise<number> {
  const socket = connect(target, "127.0.0.1");
  const reader = new ByteReader();
  socket.on("data", (chunk: Buffer) => reader.push(chunk));
  socket.on("close", () => reader.end(new Error("the server hung up")));
  try {
    await reader.read(12);
    socket.write("RFB 003.008\n");
    const types = await reader.read((await reader.read(1)).readUInt8());
    if (!types.includes(2)) throw new Error(`it offers ${[...types]}`);
    socket.write(Buffer.from([2]));
    socket.write(answerChallenge(password, await reader.read(16)));
    return (await reader.read(4)).readUInt32BE();
  } finally {
    socket.destroy();
  }
}

/** No secret stands in what agent and edge have logged. */
function expectNoSecretLogged(): void {
  const logged = JSON.stringify([agent.log.events, rig.edgeLog.events]);
  for (const secret of Object.values(SECRET)) expect(logged).not.toContain(secret);
}

describe("an agent with passwords in its configuration", () => {
  it.each([
    ["a file", "TigerVNC", "file"],
    ["a file of vncpasswd", "TightVNC", "vncpasswd"],
    ["the environment", "QEMU", "env"],
    ["a command", "x11vnc", "command"],
  ] as const)("from %s lets viewers of %s in without asking them", async (_, __, source) => {
    expect(await seePicture(port[source])).toBeGreaterThan(0);
    expectNoSecretLogged();
  });

  it("of which one is wrong says that it is the host's, and its owner is not shut out", async () => {
    for (let n = 1; n <= 3; n++) {
      expect(await (await open(port.stale)).closed).toEqual({
        code: 4502,
        reason: `The VNC server on port ${port.stale} does not take the password in its host's configuration: Authentication failure.`,
      });
    }
    expect((await (await open(port.stale)).closed).code).toBe(4429);
    await agent.log.waitFor("stream.failed", { port: port.stale, code: 4502 }, 3);
    expectNoSecretLogged();
    expect(await logInDirectly(port.stale, SECRET.right)).toBe(0);
    // Corrected, it counts at once: nothing is started anew, and nobody waits.
    secretFile("stale", SECRET.right);
    expect(await seePicture(port.stale)).toBeGreaterThan(0);
  });

  it("of which one cannot be read says so to the viewer, and why to its log alone", async () => {
    expect(await (await open(UNREADABLE_PORT)).closed).toEqual({
      code: 4502,
      reason: `The host cannot read the password of its VNC server on port ${UNREADABLE_PORT}; its log says why.`,
    });
    const { why } = await agent.log.waitFor("password.unreadable", { port: UNREADABLE_PORT });
    expect(why).toContain("ENOENT");
  });
});
