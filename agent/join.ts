import * as v from "valibot";
import { JoinAnswer } from "../protocol/link.ts";
import { type Identity, newKeyPair, readIdentity, writeIdentity } from "./identity.ts";
import { describeError } from "./log.ts";

/** How long the edge has to answer an enrolment. */
const JOIN_TIMEOUT_MS = 15_000;

/**
 * Enrols this machine at an edge: makes a key pair, sends its public half with the join token,
 * keeps the private half.
 * @throws {Error} with a sentence: the edge cannot be reached, refuses, or is no Porthole
 */
export async function join(options: {
  edge: string;
  token: string;
  name: string;
  stateDir: string;
  /** Whether to replace an identity that is there already. */
  replace?: boolean;
}): Promise<Identity> {
  const edge = edgeOrigin(options.edge);
  const existing = options.replace ? null : readIdentity(options.stateDir);
  if (existing) {
    throw new Error(
      `This machine is already the host "${existing.name}" of ${existing.edge} (state in ${options.stateDir}); ` +
        "give another folder with --state, or delete that one first.",
    );
  }
  const { privateKey, publicKey } = newKeyPair();
  const answer = await enrol(edge, {
    token: options.token,
    public_key: publicKey,
    name: options.name,
  });
  const identity = { edge, host_id: answer.host_id, name: answer.name, private_key: privateKey };
  writeIdentity(options.stateDir, identity);
  return identity;
}

/** @throws {Error} with a sentence if it is not an http(s) address */
function edgeOrigin(text: string): string {
  if (URL.canParse(text)) {
    const url = new URL(text);
    if (url.protocol === "http:" || url.protocol === "https:") return url.origin;
  }
  throw new Error(`"${text}" is not the address of an edge: write it as https://porthole.example`);
}

async function enrol(edge: string, body: object): Promise<v.InferOutput<typeof JoinAnswer>> {
  let response: Response;
  try {
    response = await fetch(`${edge}/api/agent/join`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(JOIN_TIMEOUT_MS),
    });
  } catch (error) {
    throw new Error(`${edge} cannot be reached: ${describeError(error)}`);
  }
  const answer = parseJson(await response.text());
  const parsed = v.safeParse(JoinAnswer, answer);
  if (response.ok && parsed.success) return parsed.output;
  const problem = v.safeParse(v.object({ detail: v.string() }), answer);
  const why = problem.success ? problem.output.detail : `it answered ${response.status}`;
  throw new Error(
    problem.success
      ? `${edge} refused: ${why}`
      : `${edge} does not look like a Porthole edge: ${why}.`,
  );
}

/** @returns null for what is no JSON, as a proxy's error page is */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
