import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { EXIT_REFUSED } from "../exit-codes.ts";
import { type Service, serviceUnit } from "./unit.ts";

const SERVICE = "porthole-agent";
const DEFAULT_UNIT_DIR = "/etc/systemd/system";

/** What systemctl says where systemd is installed and does not run, as in a container. */
const NOT_RUNNING: ReadonlySet<string> = new Set(["", "offline", "unknown"]);

export type Installation = {
  service: Service;
  /** Where the unit is written. */
  unitDir?: string;
  /** This command, and the one that runs the agent, as a person can paste them. */
  commands: { install: string; run: string };
};

/**
 * Has systemd run the agent from now on, also after a restart of the machine. Done again, it takes
 * up what changed: another command line, or a new file of the agent.
 * @returns what was done, for a person
 * @throws {Error} with a sentence that says what to do: this is no root, there is no systemd, ...
 */
export async function installService(installation: Installation): Promise<string> {
  const { service, unitDir = DEFAULT_UNIT_DIR, commands } = installation;
  const unit = serviceUnit(service);
  if (!(await isSystemdRunning())) {
    throw new Error(
      "systemd does not run on this machine, so nothing was installed. Have what supervises " +
        `programs here run this, and start it again unless its exit code is ${EXIT_REFUSED}:\n` +
        commands.run,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new Error(
      "Only root can install a service, so nothing was installed. Either do it as root:\n" +
        `sudo ${commands.install}\nor run the agent without a service:\n${commands.run}`,
    );
  }
  if (service.user !== null) await handOver(service.stateDir, service.user);
  const file = join(unitDir, `${SERVICE}.service`);
  mkdirSync(unitDir, { recursive: true });
  writeFileSync(file, unit, { mode: 0o644 });
  await systemctl("daemon-reload");
  await systemctl("enable", SERVICE);
  // Not `enable --now`, which leaves one that runs already as it is.
  await systemctl("restart", SERVICE);
  return `${file} was written, and the agent runs. See it with: systemctl status ${SERVICE}; its log: journalctl -u ${SERVICE}`;
}

async function isSystemdRunning(): Promise<boolean> {
  // One that is still starting, or runs with a failed unit, tells so with an exit code.
  const stdout = await run("systemctl", ["is-system-running"]).then(
    (answer) => answer.stdout,
    (error: { stdout?: string }) => error.stdout ?? "",
  );
  return !NOT_RUNNING.has(stdout.trim());
}

/** Makes the state another user's, who could not read root's key. */
async function handOver(stateDir: string, user: string): Promise<void> {
  try {
    await run("id", ["-u", "--", user]);
  } catch {
    throw new Error(
      `There is no user "${user}" on this machine. Make one first, as with:\n` +
        `useradd --system --shell /usr/sbin/nologin ${user}`,
    );
  }
  // Without following links: the folder may have been that user's before.
  await run("chown", ["-Rh", "--", `${user}:`, stateDir]);
}

async function systemctl(...args: string[]): Promise<void> {
  try {
    await run("systemctl", args);
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.trim();
    throw new Error(`systemctl ${args.join(" ")} failed: ${said || (error as Error).message}`);
  }
}

const run = promisify(execFile);
