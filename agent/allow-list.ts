import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { canonicalAddress } from "../protocol/addresses.ts";
import { LOOPBACK, RFB_BASE_PORT, RFB_LAST_PORT } from "../protocol/ids.ts";

/** Addresses and ports that this agent may dial. What the edge asks for beyond it is refused here. */
export type AllowedTarget = { address: string; firstPort: number; lastPort: number };

/** The addresses of this machine's interfaces, of loopback too. */
export function interfaceAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map((address) => address.address.split("%")[0] ?? "")
    .filter((address) => isIP(address) !== 0)
    .map(canonicalAddress);
}

/** Displays 0 to 99 of this machine: on loopback, and on its own interfaces. */
export function defaultAllowList(): AllowedTarget[] {
  const addresses = new Set([LOOPBACK, ...interfaceAddresses()]);
  return [...addresses].map((address) => ({
    address,
    firstPort: RFB_BASE_PORT,
    lastPort: RFB_LAST_PORT,
  }));
}

/**
 * Reads `127.0.0.1:5900-5999`, `192.168.4.2:5901` or `[::1]:5900`. Only addresses: a name could
 * come to mean another machine after its owner allowed it.
 * @throws {Error} with a sentence for the person who wrote it
 */
export function parseAllowedTarget(text: string): AllowedTarget {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const address = match?.[1] ?? match?.[2] ?? "";
  const firstPort = Number(match?.[3]);
  const lastPort = Number(match?.[4] ?? match?.[3]);
  const valid =
    isIP(address) !== 0 && firstPort >= 1 && lastPort >= firstPort && lastPort <= 65_535;
  if (!valid) {
    throw new Error(
      `"${text}" is not a target: write an IP address and a port or ports, as in 127.0.0.1:5900-5999`,
    );
  }
  return { address: canonicalAddress(address), firstPort, lastPort };
}

/** @param address as {@link canonicalAddress} writes it */
export function isAllowed(list: readonly AllowedTarget[], address: string, port: number): boolean {
  return list.some(
    (target) => target.address === address && port >= target.firstPort && port <= target.lastPort,
  );
}
