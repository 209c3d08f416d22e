import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { JobHost } from "../support/job-host.ts";
import { takeTurnWithDesktops } from "../support/turn.ts";

const ALLOW = "127.0.0.1:5970-5979";
const URL = "http://127.0.0.1:9/";

let host: JobHost;
let endTurn: () => Promise<void>;

beforeAll(async () => {
  endTurn = await takeTurnWithDesktops();
});

afterAll(() => endTurn());

afterEach(() => host.stop());

const idle = { command: ["sleep", "1000"] };
async function start(profiles: object): Promise<void> {
  host = await JobHost.start({ allow: ALLOW, config: { profiles } });
}

describe("what the edge may ask for", () => {
  it("is nothing, unless the host's owner allows it", async () => {
    await start({ browser: false });
    expect(host.said.events[0]).toMatchObject({ profiles: [], max_desktops: 0 });
    host.say({ type: "launch", session: "a", profile: "browser", url: URL });
    expect(await host.ended("a")).toMatchObject({
      cause: "refused",
      reason: "This host's owner does not allow desktops of that profile.",
    });
  });

  it("is a profile that can run here; another one is left out, and the log says why", async () => {
    await start({ idle, nothing: { command: ["no-such-program"] }, terminal: true });
    expect(host.said.events[0]).toMatchObject({ profiles: ["idle"] });
    const why = (profile: string) => host.log.waitFor("profile.unavailable", { profile });
    expect((await why("nothing")).why).toBe("no-such-program is not installed, or not on the PATH");
    expect((await why("terminal")).why).toBe('no profile "terminal" is built in; give its command');
  });

  it("is answered again, and starts nothing twice", async () => {
    await start({ idle });
    const ask = () => host.say({ type: "launch", session: "a", profile: "idle", url: URL });
    ask();
    ask();
    await host.said.waitFor("launched", { session: "a" });
    ask();
    const again = await host.said.waitFor("launched", { session: "a" }, 2);
    expect(again.port).toBe(5970);
    host.say({ type: "stop", session: "a" });
    await host.ended("a");
    ask();
    expect(await host.ended("a", 2)).toMatchObject({ cause: "stopped" });
    host.say({ type: "stop", session: "a" });
    expect(await host.ended("a", 3)).toMatchObject({ cause: "stopped" });
    const starts = host.log.events.filter(({ event }) => event === "desktop.starting");
    expect(starts).toHaveLength(1);
  });

  it.each([
    ["ended by itself", "exec sleep 0", "exited"],
    ["was ended with the agent", "exec sleep 1000", "stopped"],
  ] as const)("is no second start by the next agent, where it %s", async (_, command, cause) => {
    await start({ it: { command: ["sh", "-c", command] } });
    const ask = () => host.say({ type: "launch", session: "a", profile: "it", url: URL });
    ask();
    await host.said.waitFor("launched", { session: "a" });
    // The edge may not hear how it ends: then it asks again.
    await Promise.all([host.ended("a"), cause === "stopped" && host.endAgent("SIGTERM")]);
    const { reason } = await host.ended("a");
    await host.endAgent("SIGKILL");
    await host.startAgent();
    ask();
    expect(await host.ended("a", 2)).toMatchObject({ cause, reason });
    host.say({ type: "stop", session: "a" });
    expect(await host.ended("a", 3)).toMatchObject({ cause, reason });
    const starts = host.log.events.filter(({ event }) => event === "desktop.starting");
    expect(starts).toHaveLength(1);
  });

  it("of a session that the agent does not know is answered with that", async () => {
    await start({ idle });
    host.say({ type: "stop", session: "a" });
    expect(await host.ended("a")).toMatchObject({
      cause: "lost",
      reason: "The agent has no such desktop.",
    });
    expect(await host.logOf("a")).toEqual({ text: null, truncated: false });
  });
});

describe("a desktop", () => {
  it("is among the displays before it is told to be there, and not after its end", async () => {
    await start({ idle });
    const port = await host.launch("a", "idle", URL);
    const events = host.said.events.map(({ event }) => event);
    expect(events.indexOf("displays")).toBeLessThan(events.indexOf("launched"));
    expect(await host.said.waitFor("displays")).toMatchObject({
      displays: [{ port, security: ["VNC password"] }],
    });
    host.say({ type: "stop", session: "a" });
    await host.ended("a");
    expect(host.said.events.at(-2)).toMatchObject({ event: "displays", displays: [] });
  });

  it("outlives the link, and the edge hears what became of it meanwhile", async () => {
    const ends = {
      command: ["sh", "-c", "until [ -e $HOME/../end ]; do sleep 0.05; done; exit 5"],
    };
    await start({ idle, ends });
    const port = await host.launch("a", "idle", URL);
    await host.launch("b", "ends", URL);
    host.cutLink();
    await host.log.waitFor("link.down");
    host.write("end");
    await host.log.waitFor("desktop.ended", { session: "b" });
    expect(await host.acceptLink()).toMatchObject({
      desktops: [{ session: "a", port, ready: true }],
    });
    expect(await host.ended("b")).toMatchObject({
      cause: "exited",
      reason: "Its program sh ended with exit code 5.",
    });
  });

  it("is shown to viewers of its own session only", async () => {
    await start({ idle });
    const port = await host.launch("a", "idle", URL);
    const stream = host.askForStream("b", port);
    expect(await host.said.waitFor("failed", { stream })).toMatchObject({
      code: 4403,
      message: `Port ${port} is the desktop of another session.`,
    });
    (await host.view("a", port)).socket.close();
  });

  it("that brings its own VNC server may take the agent's password for it, or keep its own", async () => {
    const xvnc = ["Xtigervnc", ":{display}", "-rfbport", "{port}", "-localhost"];
    await start({
      ours: { command: [...xvnc, "-SecurityTypes", "VncAuth", "-rfbauth", "{password_file}"] },
      open: { command: [...xvnc, "-SecurityTypes", "None"] },
    });
    for (const profile of ["ours", "open"]) {
      const port = await host.launch(profile, profile, URL);
      (await host.view(profile, port)).socket.close();
    }
  });
});
