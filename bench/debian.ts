import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SentenceError } from "../scripts/sentence.ts";
import { SSHD } from "./contenders/websockify-ssh.ts";

/** The programs that Porthole is compared with, and the Debian packages they come in. */
const NEEDED = [
  { program: "websockify", package: "websockify" },
  { program: SSHD, package: "openssh-server" },
  { program: "ssh", package: "openssh-client" },
  { program: "ssh-keygen", package: "openssh-client" },
];

/**
 * Sees that websockify and ssh are there: as root on Debian by installing them.
 * @throws {SentenceError} with the command that would, elsewhere
 */
export function ensurePrograms(say: (line: string) => void): void {
  const packages = missingPackages();
  if (packages.length === 0) return;
  const list = packages.join(" ");
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    throw new SentenceError(
      `The bench compares with programs that are not here. On Debian: sudo apt-get install ${list}`,
    );
  }
  say(`installing ${list}`);
  // The packages' scripts then start no service: the bench needs the programs only.
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  for (const args of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const { status } = spawnSync("apt-get", args, { env, stdio: ["ignore", "ignore", "inherit"] });
    if (status !== 0) throw new SentenceError(`apt-get ${args.join(" ")} failed.`);
  }
  const still = missingPackages();
  if (still.length > 0) throw new SentenceError(`${still.join(" ")} did not bring its program.`);
}

function missingPackages(): string[] {
  const missing = NEEDED.filter(({ program }) => !isInstalled(program));
  return [...new Set(missing.map((needed) => needed.package))];
}

function isInstalled(program: string): boolean {
  const folders = program.startsWith("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
