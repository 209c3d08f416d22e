import { createRemoteJWKSet, errors, type JWTPayload, jwtVerify } from "jose";
import * as v from "valibot";
import { PersonRole } from "../../protocol/api.ts";
import type { Env } from "../env.ts";
import { describeError, log } from "../log.ts";
import { ProblemError } from "../problem.ts";

/** The header in which Cloudflare Access vouches for a person. */
export const ACCESS_HEADER = "cf-access-jwt-assertion";

/**
 * The same, kept by the person's browser. It comes also where Access lets everybody pass, as it has to
 * where guests come and people do too.
 */
export const ACCESS_COOKIE = "CF_Authorization";

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
): Promise<{ name: string; role: PersonRole; until: number } | null> {
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
  return { name: person.output.email, role, until: (payload.exp ?? 0) * 1000 };
}

/**
 * A group as identity providers tell it: by its name, or as an object. Whoever may make a group
 * chooses its name, which must not pass for a person's address or for everybody; its own address
 * the directory has made sure of.
 */
const GroupName = v.pipe(
  v.string(),
  v.check((name) => !/[@*]/.test(name)),
);
const Group = v.union([
  v.pipe(
    GroupName,
    v.transform((name) => [name]),
  ),
  v.pipe(
    v.object({
      name: v.fallback(v.optional(GroupName), undefined),
      email: v.fallback(v.optional(v.pipe(v.string(), v.email(), v.toLowerCase())), undefined),
      id: v.fallback(v.optional(GroupName), undefined),
    }),
    v.transform(({ name, email, id }) => [name, email, id].filter((one) => one !== undefined)),
  ),
]);

/** What is no group is none, and takes nobody their other roles. One that is alone may stand so. */
const Groups = v.fallback(
  v.pipe(
    v.union([
      v.array(v.unknown()),
      v.pipe(
        v.unknown(),
        v.transform((one) => [one]),
      ),
    ]),
    v.array(v.fallback(Group, [])),
    v.transform((groups) => groups.flat()),
  ),
  [],
);

/**
 * Of a person, Access's token has the address; their groups only if the identity provider's
 * integration is told to pass them on as a claim. Such claims stand under `custom`.
 */
const AccessClaims = v.object({
  email: v.pipe(v.string(), v.toLowerCase(), v.minLength(3), v.maxLength(254)),
  groups: v.optional(Groups, []),
  custom: v.fallback(v.object({ groups: v.optional(Groups, []) }), { groups: [] }),
});
type AccessClaims = v.InferOutput<typeof AccessClaims>;

const AccessRoles = v.pipe(v.string(), v.parseJson(), v.record(v.string(), PersonRole));

/** @throws {ProblemError} 503 if ACCESS_ROLES is not what it has to be */
function readRoles(env: Env): Record<string, PersonRole> {
  const roles = v.safeParse(AccessRoles, env.ACCESS_ROLES ?? "{}");
  if (roles.success) {
    // Addresses are the same in capitals; a group's name need not be.
    const entries = Object.entries(roles.output);
    return Object.fromEntries(
      entries.map(([name, role]) => [name.includes("@") ? name.toLowerCase() : name, role]),
    );
  }
  throw new ProblemError(
    503,
    "not_configured",
    'ACCESS_ROLES must be JSON as in {"me@example.com":"admin","@example.com":"viewer"}',
  );
}

/** The highest role that fits: by e-mail address, its domain, a group, or anyone. */
function roleOf(person: AccessClaims, roles: Record<string, PersonRole>): PersonRole | null {
  const domain = person.email.slice(person.email.lastIndexOf("@"));
  const groups = [...person.groups, ...person.custom.groups];
  const fitting = [person.email, domain, "*", ...groups].map((name) => roles[name]);
  for (const role of ["admin", "operator", "viewer"] as const) {
    if (fitting.includes(role)) return role;
  }
  return null;
}
