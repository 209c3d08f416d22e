import { readFileSync } from "node:fs";

/** /proc/net/tcp, column `st`: a listening socket. */
const LISTEN = "0A";

/** Any address and loopback, as /proc/net/tcp and tcp6 write them: hex in host byte order. */
const REACHES_LOOPBACK: ReadonlySet<string> = new Set([
  "00000000",
  "0100007F",
  "00000000000000000000000000000000",
  "0000000000000000FFFF00000100007F",
  "0000000000000000FFFF000000000000",
]);

/**
 * The TCP ports on which somebody listens on 127.0.0.1, each with the inode of its socket: another
 * inode is another server. Nothing is connected to.
 * @returns null where the system does not tell (anything but Linux)
 */
export function listeningPorts(): Map<number, string> | null {
  const ports = new Map<number, string>();
  let told = false;
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    let table: string;
    try {
      table = readFileSync(file, "latin1");
    } catch {
      continue; // not Linux, or IPv6 is switched off
    }
    told = true;
    for (const line of table.split("\n").slice(1)) {
      const [, local = "", , state, , , , , , inode = ""] = line.trim().split(/\s+/);
      const [address = "", port = ""] = local.split(":");
      if (state === LISTEN && REACHES_LOOPBACK.has(address))
        ports.set(Number.parseInt(port, 16), inode);
    }
  }
  return told ? ports : null;
}
