import { spawn } from "node:child_process";
import { delimiter, dirname, join } from "node:path";

/** The repository's root, whatever folder a script was started in. */
export const ROOT = join(import.meta.dirname, "..");

/** This very Node comes first: a tool's `#!/usr/bin/env node` must not find the machine's old one. */
const PATH = [dirname(process.execPath), process.env.PATH].join(delimiter);

/**
 * Runs a tool of node_modules in the repository's root.
 * @param output `inherit` shows what it prints, `collect` returns it
 * @returns its exit code, and what it printed if that is collected
 */
export function runTool(
  name: string,
  args: readonly string[],
  output: "inherit" | "collect",
): Promise<{ code: number; printed: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(join(ROOT, "node_modules/.bin", name), args, {
      cwd: ROOT,
      env: { ...process.env, PATH, WRANGLER_SEND_METRICS: "false" },
      stdio: output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    const collect = (chunk: Buffer) => {
      printed += chunk;
    };
    child.stdout?.on("data", collect);
    child.stderr?.on("data", collect);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code: code ?? 1, printed }));
  });
}
