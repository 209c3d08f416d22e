import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { canRunAgentAs, JobHost, NOBODY } from "../support/job-host.ts";
import { takeTurnWithDesktops } from "../support/turn.ts";

const ALLOW = "127.0.0.1:5970-5979";
const URL = "http://127.0.0.1:9/";

/** Of the X server of the first desktop. */
const LOCK = "/tmp/.X70-lock";

let host: JobHost;
let endTurn: () => Promise<void>;

beforeAll(async () => {
  endTurn = await takeTurnWithDesktops();
});

afterAll(() => endTurn());

afterEach(() => host.stop());

/** A profile of the host's owner that is a line of the shell; its first argument is the URL. */
const shell = (line: string) => ({ command: ["sh", "-c", line, "sh", "{url}"] });

/** One that says that it brings its own VNC server. */
const server = (line: string) => ({ command: ["sh", "-c", line, "sh", "{url}", "{port}"] });

async function start(profile: object, limits: object = {}, uid?: number): Promise<void> {
  const config = { profiles: { it: profile }, limits };
  host = await JobHost.start({ allow: ALLOW, config, ...(uid !== undefined && { uid }) });
}

describe("a desktop", () => {
  it("whose program crashes at once is ended with its exit code and last line", async () => {
    await start(server("echo all is well; echo no more milk >&2; exit 7"));
    host.say({ type: "launch", session: "job", profile: "it", url: URL });
    expect(await host.ended("job")).toMatchObject({
      cause: "exited",
      reason: "Its program sh ended with exit code 7; the last that it printed: no more milk",
    });
    expect(await host.logOf("job")).toEqual({
      text: expect.stringMatching(/^(all is well\nno more milk|no more milk\nall is well)\n$/),
      truncated: false,
    });
    expect(host.leftovers([5970])).toEqual([]);
  });

  it("whose program is not there any more is ended with a sentence", async () => {
    const folder = mkdtempSync(join(tmpdir(), "porthole-program-"));
    const program = join(folder, "program");
    writeFileSync(program, "", { mode: 0o755 });
    await start({ command: [program, "{url}", "{port}"] });
    rmSync(folder, { recursive: true });
    host.say({ type: "launch", session: "job", profile: "it", url: URL });
    const { reason } = await host.ended("job");
    expect(reason).toMatch(/^Its program program ended with exit code 127; .*No such file/);
    expect(host.leftovers([5970])).toEqual([]);
  });

  it("that never opens its port is ended when its time is over", async () => {
    await start(server("echo waiting for what never comes; sleep 1000"), { max_start_seconds: 1 });
    host.say({ type: "launch", session: "job", profile: "it", url: URL });
    expect(await host.ended("job")).toMatchObject({
      cause: "failed",
      reason: "It could not be started: nothing listens on port 5970 after 1 s.",
    });
    expect((await host.logOf("job")).text).toBe("waiting for what never comes\n");
    expect(host.leftovers([5970])).toEqual([]);
  });

  it("that opens its port for something else than VNC is ended with that", async () => {
    await start({ command: [process.execPath, "-e", NOT_VNC, "{port}"] });
    host.say({ type: "launch", session: "job", profile: "it", url: URL });
    expect(await host.ended("job")).toMatchObject({
      cause: "failed",
      reason: "It could not be started: What listens on port 5970 is not a VNC server.",
    });
    expect(host.leftovers([5970])).toEqual([]);
  });

  it("that prints without end has the first and the last of it kept, and holds up nothing", async () => {
    await start(shell('echo "the first line"; exec yes "$1"'));
    const port = await host.launch("job", "it", URL);
    let log = await host.logOf("job");
    while (!log.truncated) log = await host.logOf("job");
    expect(log.text).toContain("the first line");
    expect(log.text).toContain("bytes are left out");
    expect(log.text?.slice(-100)).toContain(URL);
    expect(log.text?.length).toBeLessThan(25 * 1024);
    (await host.view("job", port)).socket.close();
    host.say({ type: "stop", session: "job" });
    await host.ended("job");
    expect((await host.logOf("job")).text).toContain(URL); // also after its end
  });

  it("that prints what is no text does not break the link", async () => {
    await start(shell("exec cat /dev/urandom"));
    await host.launch("job", "it", URL);
    let log = await host.logOf("job");
    while (!log.truncated) log = await host.logOf("job");
    expect(JSON.stringify(log).length).toBeLessThan(60 * 1024);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: there must be none
    expect(log.text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  });

  it("that leaves what is hard to remove leaves nothing, and what its links lead to stays", async () => {
    const linked = mkdtempSync(join(tmpdir(), "porthole-linked-"));
    chmodSync(linked, 0o777);
    writeFileSync(join(linked, "file"), "");
    // Deeper than a path can be long, and a folder where X's file is removed.
    const deep =
      "name=$(printf '%0200d' 0); for n in $(seq 30); do mkdir $name && cd -P $name; done";
    const lock = `rm -f ${LOCK}; mkdir -p ${LOCK}/more; ln -s ${linked} ${LOCK}/more/link`;
    const all = `(${deep}); ln -s ${linked} link; ${lock}; echo all is there; exec sleep 1000`;
    await start(shell(all));
    const port = await host.launch("job", "it", URL);
    while (!(await host.logOf("job")).text?.includes("all is there")) await host.logOf("job");
    host.say({ type: "stop", session: "job" });
    expect(await host.ended("job")).toMatchObject({ reason: "It was stopped." });
    expect(host.leftovers([port])).toEqual([]);
    expect(readdirSync(linked)).toEqual(["file"]);
    rmSync(linked, { recursive: true });
  });

  it.each([
    ["a pipe", () => spawnSync("sh", ["-c", `mkfifo ${LOCK}`])],
    ["a link to what never ends", () => symlinkSync("/dev/zero", LOCK)],
  ])(
    "starts where %s lies in place of an X server's lock, and ends where it left one",
    async (_, lay) => {
      await start(shell(`rm -f ${LOCK}; mkfifo ${LOCK}; echo all is there; exec sleep 1000`));
      lay();
      expect(await host.launch("job", "it", URL)).toBe(5970);
      while (!(await host.logOf("job")).text?.includes("all is there")) await host.logOf("job");
      host.say({ type: "stop", session: "job" });
      expect(await host.ended("job")).toMatchObject({ reason: "It was stopped." });
      expect(host.leftovers([5970])).toEqual([]);
    },
  );

  it("whose X server dies is ended, the program on it too", async () => {
    await start(shell('echo "pid $PPID"; sleep 1000'));
    const port = await host.launch("job", "it", URL);
    const [xvnc] = host.processes("Xtigervnc");
    process.kill(Number(xvnc), "SIGKILL");
    expect(await host.ended("job")).toMatchObject({ cause: "exited" });
    expect((await host.ended("job")).reason).toMatch(/^Its program Xtigervnc was ended by SIGKILL/);
    expect(host.leftovers([port])).toEqual([]);
  });

  it("whose browser dies is ended, its X server too", async () => {
    await start({ command: ["chromium", "--kiosk", "{url}"] });
    const port = await host.launch("job", "it", URL);
    await host.said.waitFor("launched");
    let browser: string | undefined;
    while (browser === undefined) [browser] = host.processes("chromium");
    process.kill(Number(browser), "SIGKILL");
    expect((await host.ended("job")).reason).toMatch(/^Its program chromium was ended by SIGKILL/);
    expect(host.leftovers([port])).toEqual([]);
  });
});

/** Greets as a server of something else. */
const NOT_VNC = `
  require("node:net")
    .createServer((socket) => socket.end("220 mail.example ESMTP\\r\\n"))
    .listen(Number(process.argv[1]), "127.0.0.1");
`;

/** Programs that leave their parent, their group and their session, and sleep. */
const DETACHED = "(setsid sleep 1000 &) ; setsid sh -c '(setsid sleep 1001 &) ; sleep 1002' &";

describe.each([
  ["that is root", undefined],
  ["that is not root", NOBODY],
])("an agent %s", (_, uid) => {
  // It takes root to be root, and to start it as somebody else, who has to be able to read it.
  const cannot = process.getuid?.() !== 0 || !canRunAgentAs(uid);

  it.skipIf(cannot)("that is killed leaves nothing once it runs again, and says so", async () => {
    // Without an environment nothing says whose it is but its user, or its session.
    const hiding = uid === undefined ? "setsid sleep 1003" : "sleep 1003";
    const more = `(env -i PATH=$PATH ${hiding} &)`;
    const escaping = shell(`${DETACHED} ${more}; echo all run; exec sleep 1004`);
    const config = { profiles: { browser: true, escaping } };
    host = await JobHost.start({ allow: ALLOW, config, ...(uid !== undefined && { uid }) });
    const ports = [await host.launch("a", "browser", URL), await host.launch("b", "escaping", URL)];
    while (!(await host.logOf("b")).text?.includes("all run")) await host.logOf("a");
    host.say({ type: "launch", session: "c", profile: "browser", url: URL });
    await host.log.waitFor("desktop.starting", { session: "c" });
    await host.endAgent("SIGKILL");
    expect(host.leftovers(ports)).not.toEqual([]);
    const hello = await host.startAgent();
    expect(hello).toMatchObject({ desktops: [], displays: [] });
    expect(host.leftovers([...ports, 5972])).toEqual([]);
    for (const session of ["a", "b", "c"]) {
      expect(await host.ended(session)).toMatchObject({
        cause: "lost",
        reason: "The agent was ended while this desktop ran.",
      });
    }
    expect(await host.launch("d", "browser", URL)).toBe(5970);
  });

  it.skipIf(cannot)("that is stopped ends its desktops, wherever they hide", async () => {
    await start(
      shell(`${DETACHED} trap '' TERM; echo all run; while :; do sleep 1; done`),
      {},
      uid,
    );
    const port = await host.launch("job", "it", URL);
    while (!(await host.logOf("job")).text?.includes("all run")) await host.logOf("job");
    await host.endAgent("SIGTERM");
    expect(await host.ended("job")).toMatchObject({ reason: "The agent was stopped." });
    expect(host.leftovers([port])).toEqual([]);
  });
});
