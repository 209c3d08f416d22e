import { BENCH_PROGRAMS, needPrograms } from "./debian.ts";
import { runScript } from "./sentence.ts";
import { runTool } from "./tool.ts";

/** `npm test [-- vitest's arguments]`: everything, with a real VNC server and a real browser. */

const NEEDED = [
  { program: "Xvnc", packages: ["tigervnc-standalone-server"] },
  { program: "tigervncpasswd", packages: ["tigervnc-tools"] },
  // Without its font it does not start, and its package does not ask for one.
  { program: "Xtightvnc", packages: ["tightvncserver", "xfonts-base"] },
  { program: "x11vnc", packages: ["x11vnc"] },
  { program: "qemu-system-x86_64", packages: ["qemu-system-x86"] },
  { program: "chromium", packages: ["chromium"] },
  { program: "strace", packages: ["strace"] },
  ...BENCH_PROGRAMS,
];

await runScript(async () => {
  needPrograms(NEEDED, console.log);
  const { code } = await runTool("vitest", ["run", ...process.argv.slice(2)], "inherit");
  process.exitCode = code;
});
