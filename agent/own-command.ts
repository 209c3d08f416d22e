import { realpathSync } from "node:fs";
import { resolve } from "node:path";
import { findProgram } from "./executable.ts";

/**
 * A command of this agent as a person can paste it in any folder: there is no program of that name
 * on the PATH, it is a file that somebody downloaded somewhere.
 * @param words the command, and what follows it
 */
export function ownCommand(...words: string[]): string {
  return [nodeName(), agentFile(), ...words].map(quote).join(" ");
}

/** The file that this agent is. */
export function agentFile(): string {
  return resolve(process.argv[1] ?? "");
}

/** `node`, where that is this very one: many machines have an older, too. */
function nodeName(): string {
  const found = findProgram("node");
  return found !== null && realpathSync(found) === realpathSync(process.execPath)
    ? "node"
    : process.execPath;
}

/** A word for a shell. Placeholders such as <join-token> stay as they are. */
function quote(word: string): string {
  return /^([\w@%+=:,./-]+|<[a-z-]+>)$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
