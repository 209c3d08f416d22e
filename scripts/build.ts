import { copyFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { build as viteBuild } from "vite";
import { runScript, SentenceError } from "./sentence.ts";
import { ROOT, runTool } from "./tool.ts";

const WEB = "dist/web";
const AGENT = "dist/porthole-agent.mjs";
const INSTALLER = "agent/install.sh";
const WORKER = "dist/worker/index.js";

/** The steps, in their order: the Worker's build reads the pages', which carry the agent. */
const STEPS = [
  { name: "agent", output: AGENT, sources: ["agent", "protocol", "package.json"], run: buildAgent },
  {
    name: "pages",
    output: `${WEB}/index.html`,
    sources: ["web", "protocol", "vite.config.ts"],
    run: buildWeb,
  },
  {
    name: "Worker",
    output: WORKER,
    sources: ["worker", "protocol", "wrangler.toml"],
    run: buildWorker,
  },
];

/**
 * Builds what is missing or older than its sources, or everything.
 * @throws {SentenceError} naming the part that does not build
 */
export async function build(options: { all: boolean; say: (line: string) => void }): Promise<void> {
  for (const step of STEPS) {
    if (!options.all && !isStale(step.output, step.sources)) continue;
    options.say(`building the ${step.name}`);
    try {
      await step.run();
    } catch (error) {
      throw new SentenceError(`The ${step.name} could not be built.\n${(error as Error).message}`);
    }
  }
  // The edge serves the agent, and what installs it; the pages' build empties its folder.
  copyFileSync(join(ROOT, AGENT), join(ROOT, WEB, "agent.mjs"));
  copyFileSync(join(ROOT, INSTALLER), join(ROOT, WEB, "install.sh"));
}

function isStale(output: string, sources: readonly string[]): boolean {
  const built = join(ROOT, output);
  if (!existsSync(built)) return true;
  const builtAt = statSync(built).mtimeMs;
  const inputs = [...sources, "package-lock.json"];
  return inputs.some((source) => newestChange(join(ROOT, source)) > builtAt);
}

function newestChange(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const children = readdirSync(path).map((name) => newestChange(join(path, name)));
  return Math.max(stat.mtimeMs, ...children);
}

async function buildWeb(): Promise<void> {
  await viteBuild({ configFile: join(ROOT, "vite.config.ts"), logLevel: "warn" });
}

/** One file that runs on Node 20 or newer, with everything it needs inside. */
async function buildAgent(): Promise<void> {
  await viteBuild({
    configFile: false,
    root: ROOT,
    logLevel: "warn",
    ssr: { noExternal: true, target: "node" },
    build: {
      ssr: join(ROOT, "agent/main.ts"),
      outDir: join(ROOT, "dist"),
      emptyOutDir: false,
      copyPublicDir: false,
      target: "node20",
      rolldownOptions: {
        // Optional native speed-ups of `ws`, which it does without.
        external: ["bufferutil", "utf-8-validate"],
        output: { entryFileNames: "porthole-agent.mjs", banner: "#!/usr/bin/env node" },
      },
    },
  });
}

/** The Worker as it would be deployed, by the tool that deploys it. */
export async function buildWorker(): Promise<void> {
  const args = ["deploy", "--dry-run", "--outdir", "dist/worker"];
  const { code, printed } = await runTool("wrangler", args, "collect");
  if (code !== 0) throw new Error(printed);
}

if (import.meta.main) {
  await runScript(() => build({ all: true, say: console.log }));
}
