import { networkInterfaces } from "node:os";

/** An address of this machine that others can reach: a hypervisor's is never loopback. */
export function ownAddress(wanted: "IPv4" | "IPv6" = "IPv4"): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const own = all.find(({ family, internal }) => family === wanted && !internal);
  if (!own) throw new Error(`This test needs an ${wanted} address that is not loopback.`);
  return own.address;
}
