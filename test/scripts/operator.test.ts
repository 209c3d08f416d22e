import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ROOT } from "../../scripts/tool.ts";
import { freePort } from "../support/porthole.ts";
import { ADMIN_TOKEN, startRig } from "../support/rig.ts";
import { runProgram } from "../support/run-program.ts";

const script = (name: string, args: string[], env: Record<string, string | undefined> = {}) =>
  runProgram(process.execPath, [join(ROOT, "scripts", name), ...args], env);

describe("npm run smoke", () => {
  it("finds that all of it holds at a running edge, and leaves no host and no session there", async () => {
    const rig = await startRig();
    onTestFinished(() => rig.stop());
    const run = await script("smoke.ts", [rig.edge.url], { ADMIN_TOKEN });
    expect(run.stdout).toContain("All of it holds.");
    expect(run.stdout).not.toContain("FAILED");
    expect(run.stdout.match(/^ok {6}/gm)).toHaveLength(8);
    expect(run.code).toBe(0);
    expect((await rig.api.hosts()).items).toEqual([]);
    expect((await rig.api.sessions()).items).toEqual([]);
    expect((await rig.api.call("GET /api/keys", {})).items).toEqual([]);
  });

  it("that is interrupted leaves no host, no session and no process either", async () => {
    const rig = await startRig();
    onTestFinished(() => rig.stop());
    const args = [join(ROOT, "scripts/smoke.ts"), rig.edge.url];
    const smoke = spawn(process.execPath, args, { env: { ...process.env, ADMIN_TOKEN } });
    let children = "";
    const ended = once(smoke, "exit");
    let said = "";
    for await (const text of smoke.stdout) {
      said += text;
      if (children !== "" || !said.includes("a whole stream")) continue;
      children = readFileSync(`/proc/${smoke.pid}/task/${smoke.pid}/children`, "utf8").trim();
      smoke.kill("SIGTERM");
    }
    expect((await ended)[0]).toBe(1);
    expect(said).toContain("ok      the host is removed again");
    expect(children).toMatch(/^\d+$/);
    expect(existsSync(`/proc/${children}`)).toBe(false);
    expect((await rig.api.hosts()).items).toEqual([]);
    expect((await rig.api.sessions()).items).toEqual([]);
  });

  it("with a wrong token, an address that does not answer, or none says so in a sentence", async () => {
    const rig = await startRig();
    onTestFinished(() => rig.stop());
    const wrong = await script("smoke.ts", [rig.edge.url], { ADMIN_TOKEN: "wrong" });
    expect(wrong.stderr).toContain("That token is not valid here.");
    const gone = await script("smoke.ts", ["http://127.0.0.1:9"], { ADMIN_TOKEN });
    // One that nobody may dial, and one where nobody listens: the reason is named.
    expect(gone.stderr).toContain("http://127.0.0.1:9 cannot be tested: fetch failed: bad port");
    const deaf = `http://127.0.0.1:${await freePort()}`;
    const silent = await script("smoke.ts", [deaf], { ADMIN_TOKEN });
    expect(silent.stderr).toContain(`${deaf} cannot be tested: fetch failed: connect ECONNREFUSED`);
    const nowhere = await script("smoke.ts", [], { ADMIN_TOKEN });
    expect(nowhere.stderr).toContain("Name one edge by its address");
    const secretless = await script("smoke.ts", ["http://127.0.0.1:9"], { ADMIN_TOKEN: undefined });
    expect(secretless.stderr).toContain("The admin token is missing");
    for (const run of [wrong, gone, silent, nowhere, secretless]) {
      expect(run.code).toBe(1);
      expect(run.stderr).not.toMatch(/\n\s+at /);
    }
  });
});

describe("npm run deploy", () => {
  it("builds everything and passes wrangler's own checks, as far as a dry run goes", async () => {
    const run = await script("deploy.ts", ["--dry-run"], { NO_COLOR: "1" });
    expect(run.code).toBe(0);
    for (const binding of ["VNC_SESSION", "VNC_HOST", "CHAT_ROOM", "REGISTRY", "ASSETS"]) {
      expect(run.stdout).toContain(`env.${binding}`);
    }
    expect(run.stdout).toContain("--dry-run: exiting now.");
  });
});

describe("a script on a Node that is too old", () => {
  it("says so in a sentence, and how to get a current one", async () => {
    const source = join(ROOT, "scripts/require-node.mjs");
    const pretend = "Object.defineProperty(process.versions, 'node', { value: '20.1.0' });";
    const run = await runProgram(process.execPath, [
      "--input-type=module",
      "--eval",
      `${pretend} await import(${JSON.stringify(source)});`,
    ]);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("need Node 24 or newer");
    expect(run.stderr).toContain("without --ignore-scripts");
  });
});
