import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ROOT } from "./build.ts";
import { BENCH_PROGRAMS, needPrograms } from "./debian.ts";
import { runScript } from "./sentence.ts";

/** `npm test [-- vitest's arguments]`: everything, with a real VNC server and a real browser. */

const NEEDED = [
  { program: "Xvnc", package: "tigervnc-standalone-server" },
  { program: "chromium", package: "chromium" },
  ...BENCH_PROGRAMS,
];

await runScript(async () => {
  needPrograms(NEEDED, console.log);
  const vitest = join(ROOT, "node_modules/.bin/vitest");
  const args = ["run", ...process.argv.slice(2)];
  const { status } = spawnSync(vitest, args, { cwd: ROOT, stdio: "inherit" });
  process.exitCode = status ?? 1;
});
