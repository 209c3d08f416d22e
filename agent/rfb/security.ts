import { MAX_SECURITY_TYPES } from "../../protocol/limits.ts";
import { SecurityType, ServerHandshake } from "./server-handshake.ts";

/** Security types by number, as people know them (RFC 6143, 7.2, and rfbproto's registry). */
const SECURITY_NAMES: Readonly<Record<number, string>> = {
  1: "None",
  2: "VNC password",
  5: "RA2",
  6: "RA2ne",
  13: "RA2 256",
  16: "Tight",
  18: "TLS",
  19: "VeNCrypt",
  30: "Apple",
  113: "MS-Logon II",
  129: "RA2ne 256",
};

/**
 * Connects to a VNC server and asks which security types it offers. Where None is among them the
 * authentication is completed, since TigerVNC takes a connection that never completes one for an
 * attack and shuts the address out after five. It goes no further: no ClientInit is sent, so
 * no session begins and nobody is disturbed.
 * @param withinMs for all of it
 * @returns the names of the types; empty if the server refuses for now, or says no more than its
 *   version
 * @throws {StreamError} as `greet` does
 */
export async function askSecurity(
  target: { host: string; port: number },
  withinMs: number,
  signal?: AbortSignal,
): Promise<string[]> {
  const server = await ServerHandshake.begin(target, withinMs, signal);
  try {
    const { version, types } = await server.negotiate();
    if (types.includes(SecurityType.none)) {
      server.choose(version, SecurityType.none);
      if (version === "003.008") await server.readResult(version);
    }
    return types.slice(0, MAX_SECURITY_TYPES).map(securityName);
  } catch {
    return []; // it greeted as a VNC server does, which is what was asked
  } finally {
    server.destroy();
  }
}

/** Whether the agent can log in at a server that offers these, or carry a password to it. */
export function isSpoken(names: readonly string[]): boolean {
  return (
    names.includes(securityName(SecurityType.none)) ||
    names.includes(securityName(SecurityType.vncAuth))
  );
}

function securityName(type: number): string {
  return SECURITY_NAMES[type] ?? `type ${type}`;
}
