import type {
  ApiKey,
  AuditEntry,
  JoinTokenInfo,
  NewApiKey,
  Page,
  PersonRole,
  SignIn,
} from "../protocol/api.ts";
import { call, callForAll, callForJson, inQuery } from "./call.ts";

/** Who and what may come in: what an admin gives and takes back. */
export type Access = { keys: ApiKey[]; signIns: SignIn[]; joinTokens: JoinTokenInfo[] };

export async function readAccess(signal?: AbortSignal): Promise<Access> {
  const [keys, signIns, joinTokens] = await Promise.all([
    callForAll<ApiKey>("/api/keys", signal),
    callForAll<SignIn>("/api/logins", signal),
    callForAll<JoinTokenInfo>("/api/hosts/join-tokens", signal),
  ]);
  return { keys, signIns, joinTokens };
}

/** @returns the key; it is in this answer only */
export function createKey(wishes: { name: string; role: PersonRole }): Promise<NewApiKey> {
  return callForJson("POST", "/api/keys", { body: wishes });
}

export async function revokeKey(keyId: string): Promise<void> {
  await call("DELETE", `/api/keys/${keyId}`);
}

/** @returns a link that signs one browser in, once */
export function createSignInLink(): Promise<{ url: string; expires_at: string }> {
  return callForJson("POST", "/api/login/links");
}

export async function endSignIn(loginId: string): Promise<void> {
  await call("DELETE", `/api/logins/${loginId}`);
}

export async function revokeJoinToken(tokenId: string): Promise<void> {
  await call("DELETE", `/api/hosts/join-tokens/${tokenId}`);
}

/** A page of what was done, the newest first. */
export function pageOfAudit(
  query: { cursor: string | null; limit: number },
  signal?: AbortSignal,
): Promise<Page<AuditEntry>> {
  return callForJson("GET", `/api/audit?${inQuery(query)}`, { signal });
}
