/** The one way that we write an IP address: of IPv6 there are many (RFC 5952). */
export function canonicalAddress(address: string): string {
  if (!address.includes(":")) return address;
  try {
    return new URL(`http://[${address}]/`).hostname.slice(1, -1);
  } catch {
    return address.toLowerCase(); // with a scope, as in fe80::1%eth0
  }
}

/** An address and a port of it, as people write them: `192.168.4.2:5901`, `[fd00::2]:5901`. */
export function placeName(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
