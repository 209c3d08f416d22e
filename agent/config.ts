import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { placeName } from "../protocol/addresses.ts";
import { LOOPBACK } from "../protocol/ids.ts";
import {
  DEFAULT_SESSION_TTL_S,
  DEFAULT_START_S,
  MAX_DESKTOPS_PER_HOST,
  MAX_PROFILE_NAME_CHARACTERS,
  MAX_START_S,
} from "../protocol/limits.ts";
import { describeIssues } from "../protocol/messages.ts";
import { parseAllowedTarget } from "./allow-list.ts";

/** A browser with a plain page takes some 300 MB, with a large one several times that. */
const DEFAULT_MAX_DESKTOPS = 8;
/** As long as a session lives if nothing else is said. */
const DEFAULT_MAX_MINUTES = DEFAULT_SESSION_TTL_S / 60;
const DEFAULT_MAX_MEMORY_MB = 2048;
/** Two weeks, well below the longest that a timer runs. */
const LONGEST_MINUTES = 14 * 24 * 60;

const Text = v.pipe(v.string(), v.minLength(1));

/** What valibot's objects do not see to: that a list is none. */
const NoList = v.custom<Record<string, unknown>>(
  (input) => !Array.isArray(input),
  "must be an object",
);

/** Where the password of one VNC server comes from. */
const PasswordSource = v.union(
  [
    v.strictObject({ password_file: Text }),
    v.strictObject({ vncpasswd_file: Text }),
    v.strictObject({ password_env: Text }),
    v.strictObject({ password_command: v.pipe(v.array(Text), v.minLength(1)) }),
  ],
  "needs exactly one of password_file, vncpasswd_file, password_env and password_command",
);
export type PasswordSource = v.InferOutput<typeof PasswordSource>;

/** What the configuration calls a server: by its port where it is on loopback. */
export function serverName(address: string, port: number): string {
  return address === LOOPBACK ? String(port) : placeName(address, port);
}

/** @returns its name; null if the text is neither a port nor an address and a port */
function readServer(text: string): string | null {
  try {
    const isPort = /^\d+$/.test(text);
    const target = parseAllowedTarget(isPort ? `${LOOPBACK}:${text}` : text);
    const { address, firstPort, lastPort } = target;
    return firstPort === lastPort ? serverName(address, firstPort) : null;
  } catch {
    return null; // said in the words of this file
  }
}

/** A port of this machine's loopback, or an address and a port. */
const Server = v.pipe(
  v.string(),
  v.check(
    (text) => readServer(text) !== null,
    'is neither a port nor like "192.168.4.2:5901" or "[fd00::2]:5901"',
  ),
  v.transform((text) => readServer(text) ?? text),
);

const ProfileName = v.pipe(
  v.string(),
  v.maxLength(MAX_PROFILE_NAME_CHARACTERS),
  v.regex(/^[A-Za-z0-9_-]+$/, "is not a profile's name (A-Z a-z 0-9 _ -)"),
);

/** How a shell takes the URL, as it stands in the file. */
const URL_EXAMPLE = JSON.stringify(["sh", "-c", 'show "$1"', "sh", "{url}"]);

/** A URL inside a longer text is most likely a shell's command line, which the URL could extend. */
const Argument = v.pipe(
  v.string(),
  v.check(
    (text) => !text.includes("{url}") || !/\s/.test(text),
    `holds {url} among other words; give it as an argument of its own, as in ${URL_EXAMPLE}`,
  ),
);

const Command = v.strictObject({ command: v.pipe(v.array(Argument), v.minLength(1)) });

/** A desktop that jobs may have: a command, or one that is built in. */
const Profile = v.union([v.boolean(), Command], "needs a command, or true or false");
export type Profile = v.InferOutput<typeof Profile>;

const Positive = v.pipe(v.number(), v.gtValue(0));

const Limits = v.pipe(
  NoList,
  v.strictObject({
    /** At once, on this host. */
    max_desktops: v.optional(
      v.pipe(Positive, v.integer(), v.maxValue(MAX_DESKTOPS_PER_HOST)),
      DEFAULT_MAX_DESKTOPS,
    ),
    /** How long one may run. */
    max_minutes: v.optional(v.pipe(Positive, v.maxValue(LONGEST_MINUTES)), DEFAULT_MAX_MINUTES),
    /** Of all processes of one together. */
    max_memory_mb: v.optional(Positive, DEFAULT_MAX_MEMORY_MB),
    /**
     * How long one may take until its VNC server answers. A display and a browser take 2 s; on a
     * machine that starts many at once, far longer.
     */
    max_start_seconds: v.optional(v.pipe(Positive, v.maxValue(MAX_START_S)), DEFAULT_START_S),
  }),
);
export type Limits = v.InferOutput<typeof Limits>;

/** What the host's owner sets, beside what the command line says. */
const Config = v.pipe(
  NoList,
  v.strictObject({
    /** By port, "5901" is display 1; or by address and port, for what --allow adds. */
    displays: v.optional(v.pipe(NoList, v.record(Server, PasswordSource)), {}),
    /** The desktops that the edge may start for jobs, by name. None, unless they are listed. */
    profiles: v.optional(v.pipe(NoList, v.record(ProfileName, Profile)), {}),
    /** Of those desktops. */
    limits: v.optional(Limits, {}),
  }),
);
export type Config = v.InferOutput<typeof Config>;

const FILE_NAME = "config.json";

/** Whoever can write to the configuration can have commands run. */
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Reads the agent's configuration.
 * @param file as the command line says; `config.json` in the state folder if it says nothing, which
 *   need not be there
 * @throws {Error} with a sentence if it cannot be used
 */
export function readConfig(stateDir: string, file?: string): Config {
  const path = file ?? join(stateDir, FILE_NAME);
  let text: string;
  try {
    if (statSync(path).mode & WRITABLE_BY_OTHERS) {
      throw new Error(`others than its owner can write to it; run: chmod go-w ${path}`);
    }
    text = readFileSync(path, "utf8");
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (isMissing && file === undefined) return v.parse(Config, {});
    throw new Error(`The configuration ${path} cannot be used: ${(error as Error).message}.`);
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(`The configuration ${path} is not JSON: ${(error as Error).message}.`);
  }
  const parsed = v.safeParse(Config, json);
  if (parsed.success) return parsed.output;
  throw new Error(`The configuration ${path} is wrong: ${describeIssues(parsed.issues)}.`);
}
