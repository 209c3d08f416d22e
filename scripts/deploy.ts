import { build } from "./build.ts";
import { runScript } from "./sentence.ts";
import { runTool } from "./tool.ts";

/** `npm run deploy [-- wrangler's arguments]`: builds everything and hands it to wrangler. */

await runScript(async () => {
  await build({ all: true, say: console.log });
  const args = ["deploy", ...process.argv.slice(2)];
  const { code } = await runTool("wrangler", args, "inherit");
  if (code === 0 && !args.includes("--dry-run")) {
    console.log(`
If this was the first time, set the admin token:  npx wrangler secret put ADMIN_TOKEN
Then see that all of it works out there:          ADMIN_TOKEN=... npm run smoke -- https://<your edge>`);
  }
  process.exitCode = code;
});
