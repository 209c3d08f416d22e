import { readFileSync } from "node:fs";
import { canonicalAddress } from "../protocol/addresses.ts";
import { ANY_ADDRESS, LOOPBACK } from "../protocol/ids.ts";

/** /proc/net/tcp, column `st`: a listening socket. */
const LISTEN = "0A";

/**
 * How that table writes addresses: words of 32 bits as hex, in the byte order of the machine, here
 * little-endian. One that listens on `::` takes IPv4 too, unless it says otherwise, which the
 * system does not tell.
 */
const ANY: ReadonlySet<string> = new Set([
  "00000000",
  "00000000000000000000000000000000",
  "0000000000000000FFFF000000000000",
]);

/** What an IPv4 address begins with where the table is that of IPv6: `::ffff:` */
const MAPPED = "0000000000000000FFFF0000";

const V4_BYTES = 4;
const V6_BYTES = 16;

/** A TCP socket that listens. `socket` is its inode: another one is another server. */
export type Listener = {
  /** {@link ANY_ADDRESS} where it listens on every address. */
  address: string;
  port: number;
  socket: string;
};

/**
 * Who listens on this machine. Nothing is connected to.
 * @returns null where the system does not tell (anything but Linux)
 */
export function listeners(): Listener[] | null {
  const found: Listener[] = [];
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
      const [, local = "", , state, , , , , , socket = ""] = line.trim().split(/\s+/);
      const [hex = "", port = ""] = local.split(":");
      const address = state === LISTEN ? readAddress(hex) : null;
      if (address !== null) found.push({ address, port: Number.parseInt(port, 16), socket });
    }
  }
  return told ? found : null;
}

/**
 * The ports on which somebody listens whom loopback reaches.
 * @returns null where the system does not tell
 */
export function listeningPorts(): Set<number> | null {
  const told = listeners();
  if (told === null) return null;
  const reached = told.filter(({ address }) => address === LOOPBACK || address === ANY_ADDRESS);
  return new Set(reached.map(({ port }) => port));
}

/** @returns null for what is no address */
function readAddress(hex: string): string | null {
  if (ANY.has(hex)) return ANY_ADDRESS;
  const last = hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex;
  const bytes = Buffer.from(last, "hex");
  if (bytes.length !== V4_BYTES && bytes.length !== V6_BYTES) return null;
  bytes.swap32();
  if (bytes.length === V4_BYTES) return bytes.join(".");
  return canonicalAddress(bytes.toString("hex").replace(/(.{4})(?!$)/g, "$1:"));
}
