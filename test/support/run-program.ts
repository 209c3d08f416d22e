import { spawn } from "node:child_process";

export type ProgramRun = { code: number | null; stdout: string; stderr: string };

/** Runs a program to its end, without blocking this process, whose edge it may talk to. */
export function runProgram(
  program: string,
  args: string[],
  env: Record<string, string | undefined> = {},
): Promise<ProgramRun> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    child.stderr.on("data", (chunk) => {
      stderr += chunk;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
