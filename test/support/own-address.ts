import { networkInterfaces } from "node:os";

/** An address of this machine that others can reach: a hypervisor's is never loopback. */
export function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const own = all.find(({ family, internal }) => family === "IPv4" && !internal);
  if (!own) throw new Error("This test needs an IPv4 address that is not loopback.");
  return own.address;
}

/** Those of IPv6 that a server can listen on: many a container has none, not even loopback's. */
export const OWN_IPV6: readonly string[] = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .filter(({ family, scopeid }) => family === "IPv6" && !scopeid)
  .map(({ address }) => address);
