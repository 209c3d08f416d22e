import { execFile } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { CloseCode } from "../protocol/close-codes.ts";
import { MAX_VNC_PASSWORD_CHARACTERS } from "../protocol/limits.ts";
import { type Config, type PasswordSource, serverName } from "./config.ts";
import { describeError, type Log } from "./log.ts";
import { LoginError } from "./rfb/stream-error.ts";
import { readVncPasswd } from "./rfb/vnc-auth.ts";

/**
 * Finds the password of a VNC server.
 * @param stream whose login it is for, for the log
 * @returns null if the host's owner set none
 * @throws {LoginError} serverRefused if one is set and cannot be had
 */
export type FindPassword = (
  target: { host: string; port: number },
  stream: string,
) => Promise<string | null>;

/** How long a command has to print a password, and how much it may print. */
const COMMAND_MS = 3_000;
const MAX_OUTPUT_BYTES = 4096;

/** A file with a password is its owner's alone, or the agent does not take it. */
const OPEN_TO_OTHERS = 0o077;

/** Looks passwords up as the configuration says, anew for each viewer: a change needs no restart. */
export function passwordsOf({ displays }: Pick<Config, "displays">, log: Log): FindPassword {
  return async ({ host, port }, stream) => {
    // Of another address the same port is another server's, which must not hear this one's password.
    const source = displays[serverName(host, port)];
    if (!source) return null;
    try {
      const password = await readPassword(source);
      if (password === "") throw new Error("it is empty");
      if (password.length > MAX_VNC_PASSWORD_CHARACTERS) throw new Error("it is too long");
      return password;
    } catch (error) {
      // Where it was looked for is the owner's business, not a viewer's.
      const why = error instanceof CommandError ? error.message : describeError(error);
      log("password.unreadable", { stream, host, port, source: Object.keys(source)[0], why });
      const message = `The host cannot read the password of its VNC server on port ${port}; its log says why.`;
      throw new LoginError(CloseCode.serverRefused, message);
    }
  };
}

async function readPassword(source: PasswordSource): Promise<string> {
  if ("password_file" in source) return firstLine(readOwnFile(source.password_file).toString());
  if ("vncpasswd_file" in source) return readVncPasswd(readOwnFile(source.vncpasswd_file));
  if ("password_env" in source) {
    const value = process.env[source.password_env];
    if (value === undefined) throw new Error(`${source.password_env} is not set`);
    return value;
  }
  return firstLine(await runCommand(source.password_command));
}

/** A command failed. Node's own error repeats its arguments and output, where a password can be. */
class CommandError extends Error {}

async function runCommand([program = "", ...args]: readonly string[]): Promise<string> {
  const bounds = {
    timeout: COMMAND_MS,
    maxBuffer: MAX_OUTPUT_BYTES,
    killSignal: "SIGKILL",
  } as const;
  try {
    return (await run(program, args, bounds)).stdout;
  } catch (error) {
    const { code, killed } = error as { code?: string | number; killed?: boolean };
    if (code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") {
      throw new CommandError(`the command prints more than ${MAX_OUTPUT_BYTES} bytes`);
    }
    if (killed) throw new CommandError(`the command takes longer than ${COMMAND_MS / 1000} s`);
    if (typeof code === "number") throw new CommandError(`the command ended with ${code}`);
    throw new CommandError(`the command could not be run (${code ?? "a signal ended it"})`);
  }
}

function readOwnFile(path: string): Buffer {
  if (statSync(path).mode & OPEN_TO_OTHERS) {
    throw new Error(`others can read ${path}; run: chmod 600 ${path}`);
  }
  return readFileSync(path);
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}

const run = promisify(execFile);
