import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findProgram, searchPath } from "../agent/executable.ts";
import { SentenceError } from "./sentence.ts";

/** A program that a script needs, and the Debian packages that it takes to run it. */
export type Needed = { program: string; packages: readonly string[] };

/** What the bench compares with. */
export const BENCH_PROGRAMS: readonly Needed[] = [
  { program: "websockify", packages: ["websockify"] },
  { program: "ssh", packages: ["openssh-client"] },
  { program: "ssh-keygen", packages: ["openssh-client"] },
  { program: "sshd", packages: ["openssh-server"] },
];

/**
 * Sees that programs are on this machine: as root on Debian their packages are installed, elsewhere
 * the command is named that would.
 * @throws {SentenceError} if something is missing and cannot be installed from here
 */
export function needPrograms(needed: readonly Needed[], say: (line: string) => void): void {
  const missing = needed.filter(({ program }) => !isInstalled(program));
  if (missing.length === 0) return;
  const packages = [...new Set(missing.flatMap((item) => item.packages))];
  const install = ["apt-get", "install", "-y", "--no-install-recommends", ...packages];
  const programs = missing.map(({ program }) => program).join(", ");
  const isDebian = existsSync("/etc/debian_version");
  if (!isDebian || process.getuid?.() !== 0) {
    const how = isDebian
      ? `sudo ${install.join(" ")}`
      : `the packages that Debian calls ${packages.join(", ")}`;
    throw new SentenceError(`Missing on this machine: ${programs}. Install them first: ${how}`);
  }
  say(`installing ${packages.join(", ")}`);
  for (const command of [["apt-get", "update"], install]) {
    const [program = "", ...args] = command;
    // RUNLEVEL: the packages' scripts then start no service; only the programs are needed.
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
    const { status, stderr } = spawnSync(program, args, { env, encoding: "utf8" });
    if (status !== 0) throw new SentenceError(`${command.join(" ")} failed:\n${stderr}`);
  }
  const still = needed.filter(({ program }) => !isInstalled(program));
  if (still.length > 0) {
    throw new SentenceError(
      `${still.map(({ program }) => program).join(", ")} did not come with its package.`,
    );
  }
}

function isInstalled(program: string): boolean {
  // Debian's PATH of a user lacks the folders of the system's programs, such as sshd.
  return findProgram(program, [...searchPath(), "/usr/sbin", "/sbin"]) !== null;
}
