import { runTool } from "./tool.ts";

/** `npm run check`: types, lint and format, unused files, exports and dependencies. All are run. */

const CHECKS: ReadonlyArray<{ name: string; command: string; args: string[] }> = [
  ...["worker", "agent", "web", "test"].map((world) => ({
    name: `types of ${world}`,
    command: "tsc",
    args: ["-p", world],
  })),
  { name: "lint and format", command: "biome", args: ["check", "--error-on-warnings", "."] },
  { name: "unused code", command: "knip", args: [] },
];

let failed = 0;
for (const { name, command, args } of CHECKS) {
  const { code } = await runTool(command, args, "inherit");
  console.log(`${code === 0 ? "ok    " : "failed"}  ${name}`);
  if (code !== 0) failed++;
}
process.exitCode = failed === 0 ? 0 : 1;
