import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/tool.ts";
import { EventLog } from "../support/event-log.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { type ProgramRun, runProgram } from "../support/run-program.ts";

const AGENT = join(ROOT, "dist/porthole-agent.mjs");
const NOBODY = 65534;
/** Only root installs for a machine and becomes other users, as CI does; the rest shows what others see. */
const isRoot = process.getuid?.() === 0;

let rig: Rig;
let folder: string;
const running: ChildProcess[] = [];

beforeAll(async () => {
  rig = await startRig();
});

afterAll(() => rig.stop());

beforeEach(() => {
  // A shell, a unit and a command line each read these characters in a way of their own.
  folder = mkdtempSync(join(tmpdir(), "porthole it's 100%s $HOME-"));
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    const gone = new Promise((resolve) => child.once("close", resolve));
    child.kill();
    await gone;
  }
  rmSync(folder, { recursive: true });
});

const inFolder = (...names: string[]) => join(folder, ...names);

/** A program on the PATH in place of the real one. @returns that PATH */
function instead(name: string, script: string): string {
  mkdirSync(inFolder("bin"), { recursive: true });
  writeFileSync(inFolder("bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(inFolder("bin", name), 0o755);
  return [inFolder("bin"), process.env.PATH].join(delimiter);
}

/** A systemctl that does nothing, of a system that is in that state, and what it was asked to do. */
function systemctl(state: string): { path: string; calls(): string[] } {
  const file = inFolder("calls");
  const path = instead(
    "systemctl",
    `case $1 in
      is-system-running) echo ${state} ;;
      cat) test -e "$UNITS/$2.service" ;;
      *) echo "$*" >>"$CALLS" ;;
    esac`,
  );
  return {
    path,
    calls: () => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []),
  };
}

const UNIT = ["units", "porthole-agent.service"];

/** What a host's owner pastes, as whoever the tests run as. */
function install(args: string[], env: Record<string, string>, as: string[] = []) {
  const line = `curl -fsSL ${rig.edge.url}/install.sh | sh -s -- "$@"`;
  const [program = "", ...words] = [...as, "sh", "-c", line, "sh", rig.edge.url, ...args];
  return runProgram(program, words, {
    PORTHOLE_DIR: inFolder("program"),
    UNITS: inFolder("units"),
    CALLS: inFolder("calls"),
    ...env,
  });
}

/** Runs a command line until its link is up. */
async function upAfter(program: string, args: string[]): Promise<void> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  running.push(child);
  const log = new EventLog();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    for (const line of chunk.trim().split("\n")) log.addLine(line);
  });
  await log.waitFor("link.up");
}

/** The words of a unit's ExecStart, as systemd reads them. */
function execStart(unit: string): string[] {
  const line = /^ExecStart=(.*)$/m.exec(unit)?.[1] ?? "";
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = ""]) =>
    word.replace(/\\(.)|%(%)|\$(\$)/g, "$1$2$3"),
  );
}

async function onlineHosts(): Promise<string[]> {
  return (await rig.api.hosts()).items.filter(({ online }) => online).map(({ name }) => name);
}

const said = ({ stdout, stderr }: ProgramRun) => stdout + stderr;

describe.runIf(isRoot)("the install script, as root where systemd runs", () => {
  it("makes the machine a host, and a service of which no line holds the key", async () => {
    const { path, calls } = systemctl("running");
    const { token } = await rig.api.joinToken();
    const options = ["--state", inFolder("state"), "--unit-dir", inFolder("units")];
    const run = await install([token, "--name", "front desk", ...options], { PATH: path });
    expect(run.stderr).toMatch(/^The agent 0\.1\.0 is in /);
    expect(run.code).toBe(0);
    expect(calls()).toEqual(["daemon-reload", "enable porthole-agent", "restart porthole-agent"]);

    const unit = readFileSync(inFolder(...UNIT), "utf8");
    expect(unit).toMatch(/^Restart=always$/m);
    expect(unit).toMatch(/^RestartPreventExitStatus=3$/m);
    const { private_key, host_id } = JSON.parse(
      readFileSync(inFolder("state", "agent.json"), "utf8"),
    );
    for (const secret of [...private_key.split("\n").filter(Boolean), host_id, token]) {
      expect(unit).not.toContain(secret);
    }

    const [program = "", ...args] = execStart(unit);
    expect(args[0]).toBe(inFolder("program", "porthole-agent.mjs"));
    await upAfter(program, args);
    expect(await onlineHosts()).toContain("front desk");
  });

  it("run again with the address alone takes up a new agent, and leaves the service as it is", async () => {
    const { path, calls } = systemctl("degraded");
    const { token } = await rig.api.joinToken();
    const options = ["--state", inFolder("state"), "--unit-dir", inFolder("units")];
    await install([token, "--allow", "127.0.0.1:5901", ...options], { PATH: path });
    const before = readFileSync(inFolder(...UNIT), "utf8");
    writeFileSync(inFolder("program", "porthole-agent.mjs"), "the old one");
    const again = await install([], { PATH: path });
    expect(again.code).toBe(0);
    expect(readFileSync(inFolder("program", "porthole-agent.mjs"))).toEqual(readFileSync(AGENT));
    expect(calls().slice(3)).toEqual(["restart porthole-agent"]);
    expect(readFileSync(inFolder(...UNIT), "utf8")).toBe(before);
    expect(execStart(before).slice(-2)).toEqual(["--allow", "127.0.0.1:5901"]);
  });

  it("hands the state to the user as whom the service is to run", async () => {
    const { path } = systemctl("running");
    const { token } = await rig.api.joinToken();
    const options = ["--state", inFolder("state"), "--unit-dir", inFolder("units")];
    const run = await install([token, "--user", "nobody", ...options], { PATH: path });
    expect(run.code).toBe(0);
    expect(readFileSync(inFolder(...UNIT), "utf8")).toMatch(/^User=nobody$/m);
    for (const file of ["", "agent.json"]) {
      expect(statSync(inFolder("state", file)).uid).toBe(NOBODY);
    }
  });
});

describe("the install script, where no systemd runs", () => {
  it("joins, and says the line that makes the host appear", async () => {
    const { path, calls } = systemctl("offline");
    const { token } = await rig.api.joinToken();
    const run = await install([token, "--name", "no systemd", "--state", inFolder("state")], {
      PATH: path,
    });
    expect(run.code).toBe(0);
    expect(calls()).toEqual([]);
    const line = run.stderr.trim().split("\n").at(-1) ?? "";
    await upAfter("sh", ["-c", `exec ${line}`]);
    expect(await onlineHosts()).toContain("no systemd");
  });

  it.runIf(isRoot)("as another user than root keeps all in that user's home", async () => {
    const home = inFolder("home");
    mkdirSync(home);
    chmodSync(folder, 0o755);
    chmodSync(home, 0o777);
    const { path } = systemctl("running");
    const { token } = await rig.api.joinToken();
    const as = ["setpriv", "--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups"];
    const env = { PATH: path, HOME: home, PORTHOLE_DIR: "", XDG_DATA_HOME: "", XDG_STATE_HOME: "" };
    const run = await install([token], env, as);
    expect(said(run)).toContain(join(home, ".local/share/porthole/porthole-agent.mjs"));
    expect(run.code).toBe(0);
    expect(existsSync(join(home, ".local/state/porthole-agent/agent.json"))).toBe(true);
  });

  it.each([
    ["no address", ["x"], {}, "Usage: sh install.sh https://<edge>"],
    ["a token that was used", ["phj_used"], {}, "refused"],
    ["a Node that is too old", [], { node: "echo 18" }, "needs 20 or newer"],
    ["no Node at all", [], { node: null }, "Node 20 or newer is missing"],
  ])("with %s ends with a sentence", async (_, args, { node }: { node?: string | null }, words) => {
    let PATH = process.env.PATH ?? "";
    if (node) PATH = instead("node", node);
    if (node === null) {
      for (const name of ["curl", "id"]) instead(name, `exec /usr/bin/${name} "$@"`);
      PATH = inFolder("bin");
    }
    const line = `"$CURL" -fsSL "$EDGE/install.sh" | /bin/sh -s -- "$@"`;
    const edge = args[0] === "x" ? [] : [rig.edge.url];
    const run = await runProgram("/bin/sh", ["-c", line, "sh", ...edge, ...args], {
      ...{ PATH, CURL: "/usr/bin/curl", EDGE: rig.edge.url },
      PORTHOLE_DIR: inFolder("program"),
      HOME: folder,
      XDG_STATE_HOME: inFolder("state"),
    });
    expect(said(run)).toContain(words);
    expect(run.code).toBe(1);
    expect(said(run)).not.toMatch(/\n\s+at /);
  });
});

describe("porthole-agent install-service", () => {
  const agent = (args: string[], PATH: string, as: string[] = []) => {
    const [program = "", ...words] = [...as, process.execPath, AGENT, ...args];
    return runProgram(program, words, { PATH });
  };

  async function joined(): Promise<string[]> {
    const { token } = await rig.api.joinToken();
    const state = ["--state", inFolder("state")];
    await agent(["join", rig.edge.url, token, ...state], process.env.PATH ?? "");
    return state;
  }

  it("without systemd installs nothing and says what to run", async () => {
    const state = await joined();
    const { path, calls } = systemctl("offline");
    const run = await agent(["install-service", ...state], path);
    expect(run.code).toBe(1);
    expect(run.stderr).toContain("systemd does not run on this machine");
    expect(run.stderr).toContain("unless its exit code is 3");
    expect(calls()).toEqual([]);
  });

  it.runIf(isRoot)(
    "as another user than root installs nothing and says how root does",
    async () => {
      const state = await joined();
      const { path, calls } = systemctl("running");
      for (const name of ["", "state", "state/agent.json"]) chmodSync(inFolder(name), 0o777);
      const as = ["setpriv", "--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups"];
      const run = await agent(["install-service", ...state], path, as);
      expect(run.code).toBe(1);
      expect(run.stderr).toContain("Only root can install a service");
      expect(run.stderr).toMatch(/^sudo .* install-service --state .* --user nobody$/m);
      expect(calls()).toEqual([]);
    },
  );

  it.runIf(isRoot)("says what systemctl said, if that fails", async () => {
    const state = await joined();
    const path = instead(
      "systemctl",
      'if [ "$1" = is-system-running ]; then echo running; else echo "no such bus" >&2; exit 1; fi',
    );
    const units = ["--unit-dir", inFolder("units")];
    const run = await agent(["install-service", ...state, ...units], path);
    expect(run.stderr).toContain("systemctl daemon-reload failed: no such bus");
    expect(run.code).toBe(1);
  });

  it.runIf(isRoot)("names a user that there is not, and how one is made", async () => {
    const state = await joined();
    const { path, calls } = systemctl("running");
    const run = await agent(["install-service", ...state, "--user", "nosuchuser"], path);
    expect(run.stderr).toContain('There is no user "nosuchuser"');
    expect(run.stderr).toContain("useradd --system");
    expect(calls()).toEqual([]);
  });

  it("prints the unit: with room for a browser's sandbox only where jobs may have desktops", async () => {
    const state = await joined();
    const print = () => agent(["install-service", "--print", ...state], process.env.PATH ?? "");
    expect((await print()).stdout).toMatch(/^RestrictNamespaces=yes$/m);
    const config = inFolder("state", "config.json");
    writeFileSync(config, '{"profiles":{"browser":true}}', { mode: 0o600 });
    expect((await print()).stdout).not.toMatch(/^RestrictNamespaces=/m);
    writeFileSync(config, '{"profiles":{"browser":false}}', { mode: 0o600 });
    expect((await print()).stdout).toMatch(/^RestrictNamespaces=yes$/m);
  });
});
