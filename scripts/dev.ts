import { watch } from "node:fs";
import { join } from "node:path";
import { createServer } from "vite";
import { buildWorker } from "./build.ts";
import type { Edge } from "./edge.ts";
import { type FrontMaker, runLocal } from "./local.ts";
import { runScript } from "./sentence.ts";
import { ROOT } from "./tool.ts";

/**
 * `npm run dev`: everything that `npm start` runs, with Vite in front. One port serves the pages
 * with hot reload and passes the Worker's paths on to workerd, upgrades too; the Host header stays
 * as it is, so that the Worker sees the address that the browser sees.
 */

/** A pattern of wrangler.toml as Vite's proxy wants it: `/api/*` is `^/api/.*`. */
function toProxyPattern(path: string): string {
  return `^${path.replaceAll("*", ".*")}(\\?.*)?$`;
}

const viteInFront: FrontMaker = async (edge, { host, port }) => {
  const paths = [...edge.workerPaths, "/agent.mjs", "/install.sh"];
  const proxy = Object.fromEntries(
    paths.map((path) => [
      toProxyPattern(path),
      { target: edge.url, ws: true, changeOrigin: false },
    ]),
  );
  const vite = await createServer({
    configFile: join(ROOT, "vite.config.ts"),
    server: { host, port, strictPort: true, proxy },
  });
  await vite.listen();
  const stopWatching = rebuildOnChange(edge);
  return {
    url: `http://${host}:${port}`,
    stop: async () => {
      stopWatching();
      await vite.close();
    },
  };
};

/** Editors write a file in several steps: the build starts when it has been quiet this long. */
const QUIET_MS = 100;

/** Builds and reloads the Worker when its sources change. Its objects keep their data. */
function rebuildOnChange(edge: Edge): () => void {
  let quiet: ReturnType<typeof setTimeout> | undefined;
  let building = Promise.resolve();
  const rebuild = async () => {
    try {
      await buildWorker();
      await edge.reload();
      console.log("the Worker was built again");
    } catch (error) {
      console.error((error as Error).message);
    }
  };
  const changed = () => {
    clearTimeout(quiet);
    quiet = setTimeout(() => {
      building = building.then(rebuild);
    }, QUIET_MS);
  };
  const watchers = ["worker", "protocol"].map((folder) =>
    watch(join(ROOT, folder), { recursive: true }, changed),
  );
  return () => {
    clearTimeout(quiet);
    for (const watcher of watchers) watcher.close();
  };
}

await runScript(() => runLocal(viteInFront));
