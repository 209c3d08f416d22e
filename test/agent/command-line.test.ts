import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/tool.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { runProgram } from "../support/run-program.ts";

const AGENT = join(ROOT, "dist/porthole-agent.mjs");

let rig: Rig;
let folder: string;

beforeAll(async () => {
  rig = await startRig();
  folder = mkdtempSync(join(tmpdir(), "porthole-agent-"));
});

afterAll(async () => {
  await rig.stop();
  rmSync(folder, { recursive: true });
});

const agent = (...args: string[]) => runProgram(process.execPath, [AGENT, ...args]);

describe("porthole-agent", () => {
  it("runs on every Node of this machine, 20 or newer, as one file", () => {
    const nodes = (process.env.PATH ?? "")
      .split(delimiter)
      .map((path) =>
        spawnSync(join(path, "node"), [AGENT, "--version"], { encoding: "utf8", cwd: "/" }),
      )
      .filter((run) => run.error === undefined);
    expect(nodes.length).toBeGreaterThan(0);
    for (const run of nodes) {
      expect(run.stdout).toBe("0.1.0\n");
      expect(run.stderr).toBe("");
    }
  });

  it.each([
    [["fly"], 'There is no command "fly".'],
    [[], "Say what to do."],
    [["join"], "join takes an edge's address and a token."],
    [["run", "--fast"], "Unknown option '--fast'"],
    [["run", "now"], '"now" is one word too many.'],
    [["displays", "--allow", "localhost:5900"], '"localhost:5900" is not a target'],
  ])("%j is refused with a sentence, the usage and exit code 2", async (args, sentence) => {
    const run = await agent(...args);
    expect(run.code).toBe(2);
    expect(run.stderr).toContain(sentence);
    expect(run.stderr).toContain("porthole-agent join <edge-url> <join-token>");
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  it("does not run before it has joined, and says how", async () => {
    const run = await agent("run", "--state", join(folder, "nobody"));
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("has not joined an edge yet");
    const state = join(folder, "nobody");
    expect(run.stderr).toContain(` ${AGENT} join <edge-url> <join-token> --state ${state}\n`);
  });

  it("says that its state is damaged, where it is and what to do", async () => {
    writeFileSync(join(folder, "agent.json"), '{"edge":');
    const run = await agent("run", "--state", folder);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain(join(folder, "agent.json"));
    expect(run.stderr).toContain("join again");
    expect(run.stderr).not.toMatch(/\n\s+at /);
  });

  it.each([
    ["not-an-address", "is not the address of an edge"],
    ["ftp://edge.example", "is not the address of an edge"],
    ["http://127.0.0.1:9", "cannot be reached"],
  ])("does not join %s and says why", async (edge, sentence) => {
    const run = await agent("join", edge, "x".repeat(43), "--state", join(folder, "none"));
    expect(run.code).toBe(1);
    expect(run.stderr).toContain(sentence);
  });

  it("joins once with a token, keeps its key to itself, and refuses to join twice", async () => {
    const { token } = await rig.api.joinToken();
    expect(token).toMatch(/^phj_/); // a random one begins with a dash now and then: an option
    const state = join(folder, "joined");
    const joined = await agent("join", rig.edge.url, token, "--name", "my host", "--state", state);
    expect(joined.stderr).toBe("");
    expect(joined.stdout).toContain('This machine is now the host "my host"');
    // The line that it shows is one that works: there is no program of that name on the PATH.
    const [, run = ""] = /^Serve its displays with: (.*)$/m.exec(joined.stdout) ?? [];
    const status = await runProgram("sh", ["-c", run.replace(" run ", " status ")]);
    expect(status.stdout).toContain('Host "my host"');
    expect(statSync(state).mode & 0o777).toBe(0o700);
    expect(statSync(join(state, "agent.json")).mode & 0o777).toBe(0o600);
    expect((await agent("status", "--state", state)).stdout).toContain("The edge answers.");

    const again = await agent("join", rig.edge.url, token, "--state", state);
    expect(again.stderr).toContain('already the host "my host"');
    const elsewhere = await agent("join", rig.edge.url, token, "--state", join(folder, "other"));
    expect(elsewhere.code).toBe(1);
    expect(elsewhere.stderr).toContain("unknown, used or expired");
  });

  it("stops with exit code 3 and a sentence when its host was removed", async () => {
    const { token } = await rig.api.joinToken();
    const state = join(folder, "removed");
    await agent("join", rig.edge.url, token, "--name", "removed", "--state", state);
    const host = (await rig.api.hosts()).items.find(({ name }) => name === "removed");
    await rig.api.removeHost(host?.host_id ?? "");
    const run = await agent("run", "--state", state);
    expect(run.code).toBe(3);
    expect(run.stderr).toContain("This edge knows no such host, or it was removed.");
  });
});
