import { decodeJwt, errors, importJWK, jwtVerify } from "jose";
import { isId } from "../../protocol/ids.ts";
import { AGENT_TOKEN_TTL_S } from "../../protocol/limits.ts";
import { type Result, refuse } from "../problem.ts";

/** How far an agent's clock may be off, in seconds. */
const CLOCK_TOLERANCE_S = 30;

/** The host that a token says it is of, not yet verified: it only chooses the object that verifies. */
export function claimedHostId(token: string): string | null {
  try {
    const { iss } = decodeJwt(token);
    return iss !== undefined && isId(iss) ? iss : null;
  } catch {
    return null;
  }
}

/** The stable codes of a refused agent; after `agent_clock` it may try again, after the others not. */
function refuseToken(code: "agent_token" | "agent_clock", detail: string) {
  return refuse(401, code, detail);
}

/**
 * Verifies what an agent signed for this dial: EdDSA, issued by and about the host, for this edge,
 * living 60 s at most, with a name of its own.
 * @param publicKey the host's Ed25519 key, 32 bytes base64url
 * @param audience this edge's origin
 */
export async function verifyAgentToken(
  token: string,
  hostId: string,
  publicKey: string,
  audience: string,
): Promise<Result<{ jti: string; exp: number }>> {
  const key = await importJWK({ kty: "OKP", crv: "Ed25519", x: publicKey }, "EdDSA");
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ["EdDSA"],
      issuer: hostId,
      subject: hostId,
      audience,
      clockTolerance: CLOCK_TOLERANCE_S,
      maxTokenAge: AGENT_TOKEN_TTL_S,
      requiredClaims: ["iat", "exp", "jti"],
    });
    const { iat = 0, exp = 0, jti = "" } = payload;
    if (exp - iat > AGENT_TOKEN_TTL_S) {
      return refuseToken("agent_token", `The token lives longer than ${AGENT_TOKEN_TTL_S} s.`);
    }
    return { ok: true, value: { jti, exp } };
  } catch (error) {
    const now = new Date().toISOString();
    if (error instanceof errors.JWTExpired) {
      return refuseToken(
        "agent_clock",
        `The token is too old; is the clock right? Here it is ${now}.`,
      );
    }
    if (error instanceof errors.JWTClaimValidationFailed) {
      if (error.claim === "iat") {
        return refuseToken("agent_clock", `The token is from the future; here it is ${now}.`);
      }
      if (error.claim === "aud") {
        return refuseToken("agent_token", `The token is for another edge than ${audience}.`);
      }
    }
    return refuseToken("agent_token", "The token is not one that this host's key signed.");
  }
}
