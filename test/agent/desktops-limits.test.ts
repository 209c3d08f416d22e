import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { poll } from "../../scripts/poll.ts";
import { JobHost } from "../support/job-host.ts";
import { JobPages } from "../support/job-page.ts";
import { takeTurnWithDesktops } from "../support/turn.ts";
import { greets, Xvnc } from "../support/xvnc.ts";

const ALLOW = "127.0.0.1:5970-5979";
const URL = "http://127.0.0.1:9/";

let host: JobHost;
let endTurn: () => Promise<void>;

beforeAll(async () => {
  endTurn = await takeTurnWithDesktops();
});

afterAll(() => endTurn());

afterEach(() => host.stop());

/** A profile of the host's owner that is a line of the shell; its first argument is the URL. */
const shell = (line: string) => ({ command: ["sh", "-c", line, "sh", "{url}"] });
const idle = shell("exec sleep 1000");

async function start(profiles: object, limits: object = {}, allow = ALLOW): Promise<void> {
  host = await JobHost.start({ allow, config: { profiles, limits } });
}

/** Asks for a desktop that is not to be. @returns what the agent says of it */
function refused(profile: string, url: string) {
  host.say({ type: "launch", session: "job", profile, url });
  return host.ended("job");
}

describe("a desktop's port", () => {
  it("is the lowest where nobody listens and no X server has the display", async () => {
    // It hangs up: the agent looks for displays at each start and end, and gives silence a second.
    const listener = createServer((socket) => socket.end()).listen(5970, "127.0.0.1");
    await once(listener, "listening");
    const xServer = new Xvnc(71, { args: ["-rfbport", "5979"] });
    await poll(15_000, "the X server", () => greets(5979));
    // What an X server left whose process is gone.
    const { pid } = spawnSync("true");
    writeFileSync("/tmp/.X72-lock", `${String(pid).padStart(10)}\n`);
    await start({ idle });
    expect(await host.launch("a", "idle", URL)).toBe(5972);
    host.say({ type: "launch", session: "b", profile: "idle", url: URL });
    host.say({ type: "launch", session: "c", profile: "idle", url: URL });
    expect((await host.said.waitFor("launched", { session: "b" })).port).toBe(5973);
    expect((await host.said.waitFor("launched", { session: "c" })).port).toBe(5974);
    host.say({ type: "stop", session: "b" });
    await host.ended("b");
    expect(await host.launch("d", "idle", URL)).toBe(5973);
    listener.close();
    await xServer.kill();
    expect(await host.launch("e", "idle", URL)).toBe(5970);
  });

  it("is one that the agent may reach; without another there is no room", async () => {
    await start({ idle }, {}, "127.0.0.1:5971-5971");
    expect(await host.launch("a", "idle", URL)).toBe(5971);
    expect(await refused("idle", URL)).toMatchObject({
      cause: "no_room",
      reason: "No port for a display is free on this host.",
    });
  });
});

describe("an agent that is being stopped", () => {
  it("has no room for one more desktop: whoever asks may have it elsewhere", async () => {
    await start({ idle, stubborn: shell("trap '' TERM; while :; do sleep 1; done") });
    await host.launch("a", "stubborn", URL);
    await host.launch("b", "idle", URL);
    const stopped = host.endAgent("SIGTERM");
    await host.ended("b");
    host.say({ type: "launch", session: "job", profile: "idle", url: URL });
    expect(await host.ended("job")).toMatchObject({
      cause: "no_room",
      reason: "The agent is being stopped.",
    });
    await stopped;
  });
});

describe("a host's limit", () => {
  it("of desktops at once refuses one more, until one has ended", async () => {
    await start({ idle }, { max_desktops: 2 });
    expect(host.said.events[0]).toMatchObject({ event: "hello", max_desktops: 2 });
    await host.launch("a", "idle", URL);
    await host.launch("b", "idle", URL);
    expect(await refused("idle", URL)).toMatchObject({
      cause: "no_room",
      reason: "This host runs 2 desktops, its limit.",
    });
    host.say({ type: "stop", session: "a" });
    await host.ended("a");
    expect(await host.launch("job", "idle", URL)).toBe(5970);
  });

  it("of time ends a desktop", async () => {
    await start({ idle }, { max_minutes: 0.02 });
    // On a slow machine its time is over before it is there: that is no other end.
    host.say({ type: "launch", session: "a", profile: "idle", url: URL });
    expect(await host.ended("a")).toMatchObject({
      cause: "limit",
      reason: "It ran for 0.02 minutes, which is this host's limit.",
    });
    expect(host.leftovers([5970])).toEqual([]);
  });

  it("of memory ends a desktop whose programs take too much together", async () => {
    // Four that keep 60 MB each: none of them is over the limit.
    const hungry = shell(
      "for n in 1 2 3 4; do head -c 60M /dev/zero | tail -c 60M | sleep 1000 & done; wait",
    );
    await start({ hungry }, { max_memory_mb: 200 });
    const port = await host.launch("a", "hungry", URL);
    const { cause, reason } = await host.ended("a");
    expect(cause).toBe("limit");
    expect(reason).toMatch(/^It took \d+ MB of memory; this host's limit is 200 MB\.$/);
    expect(host.leftovers([port])).toEqual([]);
  });

  it("of memory is there for each program at once", async () => {
    await start({ hungry: shell("exec tail /dev/zero") }, { max_memory_mb: 300 });
    await host.launch("a", "hungry", URL);
    expect(await host.ended("a")).toMatchObject({
      cause: "exited",
      reason: expect.stringContaining("tail: memory exhausted"),
    });
  });
});

describe("a job's URL", () => {
  it.each([
    ["ftp://example.com/", "must begin with http:// or https://, not ftp:"],
    ["file:///etc/passwd", "must begin with http:// or https://, not file:"],
    ["javascript:alert(1)", "must begin with http:// or https://, not javascript:"],
    ["data:text/html,hello", "must begin with http:// or https://, not data:"],
    ["--no-sandbox", "must be whole"],
    ["example.com", "must be whole"],
    ["", "must be whole"],
  ])("that is %j starts nothing: it %s", async (url, sentence) => {
    await startsNothing(url, sentence);
  });

  it("that is 10 KiB long, as it is or with its escapes, starts nothing", async () => {
    const long = "is at most 8 KiB long";
    await startsNothing(`http://example.com/${"x".repeat(10 * 1024)}`, long);
    await host.stop();
    await startsNothing(`http://example.com/${"ü".repeat(2 * 1024)}`, long);
  });

  async function startsNothing(url: string, sentence: string): Promise<void> {
    await start({ browser: true });
    const { cause, reason } = await refused("browser", url);
    expect(cause).toBe("refused");
    expect(reason).toContain(sentence);
    expect(host.log.events.map(({ event }) => event)).not.toContain("desktop.starting");
  }

  it("that holds a shell's characters and options is only ever a URL", async () => {
    const pages = await JobPages.start();
    await start({ browser: true, echo: shell(`printf '%s|' "$#" "$1"; exec sleep 1000`) });
    const file = "/tmp/porthole-was-here";
    const path = `/;touch ${file};$(touch ${file})\`touch ${file}\`|touch ${file}&'"--no-sandbox {port} $&`;
    await host.launch("echo", "echo", pages.url + path);
    await host.launch("browser", "browser", pages.url + path);
    const href = new globalThis.URL(pages.url + path).href;
    let { text } = await host.logOf("echo");
    while (!text?.includes("|")) ({ text } = await host.logOf("echo"));
    expect(text).toContain(`1|${href}|`);
    // Chromium escapes a little more.
    expect(decodeURIComponent(await pages.askedFor())).toBe(path);
    expect(existsSync(file)).toBe(false);
    pages.stop();
  });
});

describe("a desktop's programs", () => {
  it("have a user of their own where the agent is root, gain no rights, and see nothing of its environment", async () => {
    process.env.SECRET_OF_THE_AGENT = "sesame";
    const look = shell(
      "grep -E '^(Uid|Groups|NoNewPrivs|CapEff)' /proc/self/status; env; touch $HOME/mine; echo done; exec sleep 1000",
    );
    await start({ look });
    delete process.env.SECRET_OF_THE_AGENT;
    await host.launch("a", "look", URL);
    await host.launch("b", "look", URL);
    const said: string[] = [];
    for (const session of ["a", "b"]) {
      let { text } = await host.logOf(session);
      while (!text?.includes("done")) ({ text } = await host.logOf(session));
      said.push(text);
    }
    const uids = said.map((text) => Number(/^Uid:\t(\d+)\t/m.exec(text)?.[1]));
    if (process.getuid?.() === 0) {
      expect(uids.every((uid) => uid >= 60_700 && uid <= 60_999)).toBe(true);
      expect(uids[0]).not.toBe(uids[1]);
    } else expect(uids).toEqual([process.getuid?.(), process.getuid?.()]);
    for (const text of said) {
      expect(text).toMatch(/^NoNewPrivs:\t1$/m);
      expect(text).toMatch(/^CapEff:\t0+$/m);
      expect(text).not.toContain("sesame");
      expect(text).not.toContain("Permission denied");
    }
  });

  it("have an X server that takes nobody without its key", async () => {
    await start({ idle });
    expect(await host.launch("a", "idle", URL)).toBe(5970);
    const socket = connect("/tmp/.X11-unix/X70");
    // The setup of a client without a key, of protocol 11.0, little endian (X11 protocol, 8).
    socket.write(Buffer.from([0x6c, 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    const answer = await buffer(socket); // to its end: the server hangs up
    expect(answer[0]).toBe(0); // Failed
    expect(answer.toString("latin1")).toContain("Authorization required");
  });
});
