/** The one way that we write an IP address: of IPv6 there are many (RFC 5952). */
export function canonicalAddress(address: string): string {
  if (!address.includes(":")) return address;
  try {
    return new URL(`http://[${address}]/`).hostname.slice(1, -1);
  } catch {
    return address.toLowerCase(); // with a scope, as in fe80::1%eth0
  }
}

/** Whether an address says nothing of which machine it is on: loopback, and all addresses of one. */
export function isOfNoMachine(address: string): boolean {
  return /^(127\.|0\.0\.0\.0$|::1?$)/.test(canonicalAddress(address));
}
