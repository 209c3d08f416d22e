import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { build, ROOT } from "./build.ts";
import { runScript } from "./sentence.ts";

/** `npm run deploy [-- wrangler's arguments]`: builds everything and hands it to wrangler. */

await runScript(async () => {
  await build({ all: true, say: console.log });
  const wrangler = join(ROOT, "node_modules/.bin/wrangler");
  const args = ["deploy", ...process.argv.slice(2)];
  const { status } = spawnSync(wrangler, args, { cwd: ROOT, stdio: "inherit" });
  if (status === 0 && !args.includes("--dry-run")) {
    console.log(`
If this was the first time, set the admin token:  npx wrangler secret put ADMIN_TOKEN
Then see that all of it works out there:          ADMIN_TOKEN=... npm run smoke -- https://<your edge>`);
  }
  process.exitCode = status ?? 1;
});
