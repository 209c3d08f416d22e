import { join } from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";

/** Runs demo-worker.mjs in workerd, on a socket of its own, with its data on disk. */

const [port = "", stateDir = "", variant] = process.argv.slice(2);

const miniflare = new Miniflare(
  convertV4MiniflareOptions({
    workers: [
      {
        name: "demo",
        compatibilityDate: "2026-10-20",
        compatibilityFlags: ["no_web_socket_compression"],
        modules: [{ type: "ESModule", path: join(import.meta.dirname, "demo-worker.mjs") }],
        modulesRoot: import.meta.dirname,
        bindings: { STORE_FIRST: variant === "demo_stored" },
        durableObjects: { ROOMS: { className: "DemoRoom", useSQLite: true } },
        unsafeDirectSockets: [{ host: "127.0.0.1", port: Number(port) }],
      },
    ],
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: stateDir,
    cf: false,
    logRequests: false,
  }),
);
await miniflare.ready;
console.log("ready");
process.on("SIGTERM", () => void miniflare.dispose().then(() => process.exit()));
