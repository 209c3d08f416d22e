import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { describeIssues } from "../protocol/link.ts";

const Text = v.pipe(v.string(), v.minLength(1));

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

/** A port of this machine's loopback, or `address:port`. */
const Server = v.pipe(
  v.string(),
  v.regex(/^([\d.]+:)?[1-9]\d{0,4}$/, 'is neither a port nor like "192.168.4.2:5901"'),
);

/** What the host's owner sets, beside what the command line says. */
const Config = v.strictObject({
  /** By port, "5901" is display 1; or by address and port, for what --allow adds. */
  displays: v.optional(v.record(Server, PasswordSource), {}),
});
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
    if (isMissing && file === undefined) return { displays: {} };
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
