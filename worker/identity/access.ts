import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import * as v from "valibot";
import { PersonRole } from "../../protocol/api.ts";
import type { Env } from "../env.ts";
import { describeError, log } from "../log.ts";
import { ProblemError } from "../problem.ts";

/** The header in which Cloudflare Access vouches for a person. */
export const ACCESS_HEADER = "cf-access-jwt-assertion";

/** Access signs with RSA; anything else is not from it. */
const ACCESS_ALGORITHMS = ["RS256"];

/** What goes wrong with the team's keys, and not with the token. */
const NO_KEYS: ReadonlySet<string> = new Set([
  errors.JWKSTimeout.code,
  errors.JWKSInvalid.code,
  errors.JOSEError.code, // they were answered with something else than 200, or than JSON
]);

/** How far the clocks may be apart, in seconds. */
const CLOCK_TOLERANCE_S = 30;

/** Access's longest session is a month; asking for an age also refuses a token from the future. */
const MAX_TOKEN_AGE = "31 days";

/** The team's keys, fetched when they are first needed and again when they rotate. */
const keySets = new Map<string, ReturnType<typeof createRemoteJWKSet>>();

function keysOf(teamDomain: string): ReturnType<typeof createRemoteJWKSet> {
  let keys = keySets.get(teamDomain);
  if (!keys) {
    keys = createRemoteJWKSet(new URL("/cdn-cgi/access/certs", teamOrigin(teamDomain)));
    keySets.set(teamDomain, keys);
  }
  return keys;
}

/** `team.cloudflareaccess.com`, with or without its scheme. */
function teamOrigin(teamDomain: string): string {
  return teamDomain.includes("://") ? new URL(teamDomain).origin : `https://${teamDomain}`;
}

/**
 * The person whom Access vouches for.
 * @throws {ProblemError} 401 for a token that is not the team's for this application, 403 for a
 *   person without a role here, 503 if the team's keys cannot be had
 */
export async function verifyAccess(
  token: string,
  env: Env,
): Promise<{ name: string; role: PersonRole } | null> {
  const { ACCESS_TEAM_DOMAIN: team, ACCESS_AUD: audience } = env;
  if (!team || !audience) return null;
  let payload: JWTPayload;
  try {
    ({ payload } = await jwtVerify(token, keysOf(team), {
      algorithms: ACCESS_ALGORITHMS,
      issuer: teamOrigin(team),
      audience,
      clockTolerance: CLOCK_TOLERANCE_S,
      maxTokenAge: MAX_TOKEN_AGE,
      requiredClaims: ["exp", "iat"],
    }));
  } catch (error) {
    log("access.refused", { error: describeError(error) });
    if (error instanceof errors.JOSEError && !NO_KEYS.has(error.code)) {
      throw new ProblemError(
        401,
        "bad_access_token",
        "Cloudflare Access's token is not valid here.",
      );
    }
    throw new ProblemError(
      503,
      "access_unreachable",
      "Cloudflare Access's keys cannot be had now.",
    );
  }
  const person = v.safeParse(AccessClaims, payload);
  const role = person.success ? roleOf(person.output, readRoles(env)) : null;
  if (!person.success || role === null) {
    throw new ProblemError(
      403,
      "no_role",
      "Cloudflare Access knows you, but you have no role here.",
    );
  }
  return { name: person.output.email, role };
}

const AccessClaims = v.object({
  email: v.pipe(v.string(), v.toLowerCase(), v.minLength(3), v.maxLength(254)),
  groups: v.optional(v.array(v.string()), []),
});
type AccessClaims = v.InferOutput<typeof AccessClaims>;

const AccessRoles = v.pipe(v.string(), v.parseJson(), v.record(v.string(), PersonRole));

/** @throws {ProblemError} 503 if ACCESS_ROLES is not what it has to be */
function readRoles(env: Env): Record<string, PersonRole> {
  const roles = v.safeParse(AccessRoles, env.ACCESS_ROLES ?? "{}");
  if (roles.success) return roles.output;
  throw new ProblemError(
    503,
    "not_configured",
    'ACCESS_ROLES must be JSON as in {"me@example.com":"admin","@example.com":"viewer"}',
  );
}

/**
 * The highest role that fits: by e-mail address, its domain, a group, or anyone. A group whose name
 * is one of the other kinds counts for nothing: who makes groups is not who gives roles here.
 */
function roleOf(person: AccessClaims, roles: Record<string, PersonRole>): PersonRole | null {
  const domain = person.email.slice(person.email.lastIndexOf("@"));
  const groups = person.groups.filter((name) => !name.includes("@") && name !== "*");
  const fitting = [person.email, domain, "*", ...groups].map((name) => roles[name]);
  for (const role of ["admin", "operator", "viewer"] as const) {
    if (fitting.includes(role)) return role;
  }
  return null;
}
