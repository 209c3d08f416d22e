import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { answers, freePort, LOOPBACK } from "../../ports.ts";
import type { Processes } from "../../processes.ts";
import type { Contender } from "./contender.ts";
import { startProxy } from "./websockify.ts";

/** How long sshd has to listen, and the tunnel to stand. */
const READY_MS = 15_000;

/** Debian keeps it off the PATH of most people, and it must be started by its full name. */
const SSHD = "/usr/sbin/sshd";

/** Where sshd of root shuts its unprivileged half in; the service would make it. */
const SSHD_CHROOT = "/run/sshd";

/**
 * What people use today for a machine behind NAT: the machine opens `ssh -R` to a server on the
 * net, and websockify runs there. Everything is as both programs come, with the defaults of Debian.
 */
export async function startWebsockifySsh(
  processes: Processes,
  stateDir: string,
  vncPort: number,
): Promise<Contender> {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const file = (name: string) => join(stateDir, name);
  for (const key of ["host_key", "user_key"]) {
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", file(key)]);
  }
  if (process.getuid?.() === 0) mkdirSync(SSHD_CHROOT, { recursive: true, mode: 0o755 });

  const sshPort = await freePort();
  writeFileSync(file("sshd_config"), sshdConfig(sshPort, file));
  const sshd = processes.start("sshd", SSHD, ["-D", "-e", "-f", file("sshd_config")]);
  await sshd.waitUntil("sshd to listen", READY_MS, () => answers(sshPort));

  const hostKey = readFileSync(file("host_key.pub"), "utf8");
  writeFileSync(file("known_hosts"), `[${LOOPBACK}]:${sshPort} ${hostKey}`);
  const tunnelPort = await freePort();
  const ssh = processes.start("ssh", "ssh", sshArguments(sshPort, tunnelPort, vncPort, file));
  await ssh.waitUntil("the tunnel of ssh -R", READY_MS, () => answers(tunnelPort));
  const { proxy, port } = await startProxy(processes, tunnelPort);

  const roots = [sshd.pid, ssh.pid, proxy.pid];
  return {
    id: "websockify_ssh",
    security: "none",
    roots,
    address: async () => `ws://${LOOPBACK}:${port}/`,
    stop: () => processes.stop(roots),
  };
}

type FileNamed = (name: string) => string;

/** An sshd for this user alone, that touches nothing of the system's own. */
function sshdConfig(port: number, file: FileNamed): string {
  return `
ListenAddress ${LOOPBACK}:${port}
HostKey ${file("host_key")}
AuthorizedKeysFile ${file("user_key.pub")}
AuthenticationMethods publickey
PermitRootLogin yes
StrictModes no
UsePAM no
UseDNS no
PidFile none
`;
}

function sshArguments(port: number, tunnelPort: number, vncPort: number, file: FileNamed) {
  const options = {
    IdentityFile: file("user_key"),
    IdentitiesOnly: "yes",
    UserKnownHostsFile: file("known_hosts"),
    BatchMode: "yes",
    ExitOnForwardFailure: "yes",
  };
  return [
    ...["-F", "none", "-N", "-T"],
    ...Object.entries(options).flatMap(([name, value]) => ["-o", `${name}=${value}`]),
    ...["-R", `${LOOPBACK}:${tunnelPort}:${LOOPBACK}:${vncPort}`],
    ...["-p", String(port), `${userInfo().username}@${LOOPBACK}`],
  ];
}
