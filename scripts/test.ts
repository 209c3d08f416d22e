import { BENCH_PROGRAMS, needPrograms } from "./debian.ts";
import { runScript } from "./sentence.ts";
import { runTool } from "./tool.ts";

/** `npm test [-- vitest's arguments]`: everything, with a real VNC server and a real browser. */

const NEEDED = [
  { program: "Xvnc", package: "tigervnc-standalone-server" },
  { program: "chromium", package: "chromium" },
  ...BENCH_PROGRAMS,
];

await runScript(async () => {
  needPrograms(NEEDED, console.log);
  const { code } = await runTool("vitest", ["run", ...process.argv.slice(2)], "inherit");
  process.exitCode = code;
});
