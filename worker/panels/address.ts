import { canonicalAddress } from "../../protocol/addresses.ts";

export { canonicalAddress };

/** Whether an address says nothing of which machine it is on: loopback, and all addresses of one. */
export function isOfNoMachine(address: string): boolean {
  return /^(127\.|0\.0\.0\.0$|::1?$)/.test(canonicalAddress(address));
}
