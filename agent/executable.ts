import { accessSync, constants } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // the question was whether it is there
  }
}

/**
 * Finds a program by its name, or its whole path.
 * @param folders where names are looked for; relative ones do not count
 * @returns null if it is not there
 */
export function findProgram(
  name: string,
  folders: readonly string[] = searchPath(),
): string | null {
  const files = isAbsolute(name)
    ? [name]
    : folders.filter(isAbsolute).map((folder) => join(folder, name));
  return files.find(isExecutable) ?? null;
}

/** The folders of the PATH. */
export function searchPath(): string[] {
  return (process.env.PATH ?? "").split(delimiter);
}
