import { createPrivateKey, generateKeyPairSync, randomUUID } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { importPKCS8, SignJWT } from "jose";
import * as v from "valibot";
import { AGENT_TOKEN_TTL_S } from "../protocol/limits.ts";
import { describeIssues } from "../protocol/messages.ts";

/** Who this agent is, and to which edge: made by `join`, kept in a file that only its owner reads. */
const Identity = v.object({
  edge: v.pipe(v.string(), v.url()),
  host_id: v.string(),
  name: v.string(),
  /** PKCS#8 PEM of the Ed25519 private key. It never leaves this machine. */
  private_key: v.string(),
});
export type Identity = v.InferOutput<typeof Identity>;

const FILE_NAME = "agent.json";

/** `/var/lib/porthole-agent` for root, else `porthole-agent` in the user's state folder. */
export function defaultStateDir(): string {
  if (process.getuid?.() === 0) return "/var/lib/porthole-agent";
  const { XDG_STATE_HOME = "" } = process.env;
  // As its specification has it, what is no whole path counts as not set.
  const isSet = isAbsolute(XDG_STATE_HOME);
  return join(isSet ? XDG_STATE_HOME : join(homedir(), ".local", "state"), "porthole-agent");
}

/**
 * Reads who this agent is.
 * @returns null if it has not joined yet
 * @throws {Error} with a sentence if the file is there and cannot be used
 */
export function readIdentity(stateDir: string): Identity | null {
  const file = join(stateDir, FILE_NAME);
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw new Error(`The agent's state in ${file} cannot be read (${(error as Error).message}).`);
  }
  try {
    const parsed = v.safeParse(Identity, JSON.parse(text));
    if (!parsed.success) throw new Error(describeIssues(parsed.issues));
    createPrivateKey(parsed.output.private_key);
    return parsed.output;
  } catch (error) {
    throw new Error(
      `The agent's state in ${file} is damaged (${(error as Error).message}); ` +
        "delete that file, then join again.",
    );
  }
}

/** Writes the file whole or not at all, readable by its owner only. */
export function writeIdentity(stateDir: string, identity: Identity): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  chmodSync(stateDir, 0o700);
  const file = join(stateDir, FILE_NAME);
  writeFileSync(`${file}.new`, `${JSON.stringify(identity, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}

/** A new Ed25519 key pair; `publicKey` is its 32 bytes as base64url (RFC 8037, 2). */
export function newKeyPair(): { privateKey: string; publicKey: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return {
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    publicKey: publicKey.export({ format: "jwk" }).x ?? "",
  };
}

/**
 * Signs the token for one dial: an EdDSA JWT (RFC 7519, RFC 8037) that names this host, that edge
 * and nothing else, and lives 60 s.
 */
export async function signToken(identity: Identity, now: number = Date.now()): Promise<string> {
  const key = await importPKCS8(identity.private_key, "EdDSA");
  const issuedAt = Math.floor(now / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: "EdDSA" })
    .setIssuer(identity.host_id)
    .setSubject(identity.host_id)
    .setAudience(new URL(identity.edge).origin)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + AGENT_TOKEN_TTL_S)
    .setJti(randomUUID())
    .sign(key);
}
