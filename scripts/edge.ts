import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import {
  CoreHeaders,
  convertV4MiniflareOptions,
  HOST_CAPNP_CONNECT,
  Miniflare,
  type MiniflareOptions,
  Runtime,
} from "miniflare";
import { unstable_getMiniflareWorkerOptions, unstable_readConfig } from "wrangler";
import { SentenceError } from "./sentence.ts";
import { ROOT } from "./tool.ts";

export type EdgeOptions = {
  host: string;
  /** 0 takes any free one. */
  port: number;
  /** Where the objects keep their data; omitted, it is gone with the process. */
  stateDir?: string;
  /** Secrets and settings of the Worker, over those of wrangler.toml. */
  vars: Record<string, string>;
  /** The Worker's log, a structured line each. */
  log: (line: string) => void;
  /** A proxy in front says where requests come from; nobody else can reach the port. */
  trustProxy?: boolean;
  /** Lets a test read what an object stored. */
  inspectObjects?: boolean;
};

export type Edge = {
  /** Its origin. */
  url: string;
  /** The paths that the Worker answers itself, before the pages; from wrangler.toml. */
  workerPaths: readonly string[];
  miniflare: Miniflare;
  /** Kills workerd and runs a new build of the Worker; its sockets drop, what it stored stays. */
  reload(): Promise<void>;
  stop(): Promise<void>;
};

/**
 * Runs the built Worker in workerd on this machine, configured by wrangler.toml.
 */
export async function startEdge(options: EdgeOptions): Promise<Edge> {
  shutWaysPastTheFront();
  const listeners = signalListeners();
  const miniflare = new Miniflare(miniflareOptions(options));
  const url = (await miniflare.unsafeGetDirectURL(PORTHOLE, ENTRYPOINT)).origin;
  // Miniflare ends this process at a signal, before anybody could clean up. Who runs an edge stops
  // it; should they not, Miniflare's listener on `exit` still ends workerd.
  for (const { signal, listener } of signalListeners()) {
    if (!listeners.some((old) => old.listener === listener)) process.off(signal, listener);
  }
  return {
    url,
    workerPaths: workerPaths(),
    miniflare,
    reload: () =>
      miniflare.setOptions(miniflareOptions({ ...options, port: Number(new URL(url).port) })),
    stop: () => miniflare.dispose(),
  };
}

/**
 * workerd copies every frame once, to an address that is a header's length off. glibc makes large
 * copies with `rep movsb`, which some processors do slowly then: without it workerd takes a third
 * less of the processor for a stream (docs/bench.md). Other C libraries and processors ignore it.
 */
const RUNTIME_ENVIRONMENT = {
  GLIBC_TUNABLES: process.env.GLIBC_TUNABLES ?? "glibc.cpu.x86_rep_movsb_threshold=1073741824",
};

/** The worker in workerd, and what listens in it (edge-front.mjs). */
const PORTHOLE = "porthole";
const ENTRYPOINT = "Public";

/**
 * Miniflare's own entry believes a client's `CF-Connecting-IP`, so Porthole listens beside it. There
 * a client could write all of `request.cf` in a header: without the header's name workerd takes none,
 * and tells the address of the other end of the connection instead. And a client that says CONNECT
 * with a name that all of Miniflare share would speak to the runtime itself, and could tell it that,
 * and anything else: each edge has a name of its own, which nobody knows.
 * @throws {Error} if this version of Miniflare has other names for them
 */
function shutWaysPastTheFront(): void {
  if (!("CF_BLOB" in CoreHeaders))
    throw new Error("Miniflare has no CF_BLOB any more; who could forge what?");
  Object.assign(CoreHeaders, { CF_BLOB: undefined });
  if (Runtime.prototype.updateConfig !== updateConfig) return; // by an edge before this one
  Runtime.prototype.updateConfig = function (config, ...rest) {
    const name = Buffer.from(HOST_CAPNP_CONNECT);
    const own = Buffer.from(randomBytes(name.length).toString("hex").slice(0, name.length));
    let at = config.indexOf(name);
    if (at < 0) throw new Error("Miniflare calls its own connection otherwise; who could use it?");
    for (; at >= 0; at = config.indexOf(name, at)) own.copy(config, at);
    return updateConfig.call(this, config, ...rest);
  };
}

const { updateConfig } = Runtime.prototype;

function signalListeners() {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  return signals.flatMap((signal) =>
    process.listeners(signal).map((listener) => ({ signal, listener })),
  );
}

function workerPaths(): string[] {
  const { assets } = unstable_readConfig({ config: join(ROOT, "wrangler.toml") });
  return Array.isArray(assets?.run_worker_first) ? assets.run_worker_first : [];
}

function miniflareOptions(options: EdgeOptions): MiniflareOptions {
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(ROOT, "wrangler.toml"));
  const modules = ["scripts/edge-front.mjs", "dist/worker/index.js"].map((path) => ({
    type: "ESModule" as const,
    path: join(ROOT, path),
  }));
  const porthole = {
    ...workerOptions,
    name: PORTHOLE,
    modules,
    modulesRoot: ROOT,
    bindings: {
      ...(workerOptions.bindings as Record<string, string>),
      ...options.vars,
      TRUST_PROXY: options.trustProxy ?? false,
      WORKER_PATHS: [...workerPaths()],
    },
    // A named entrypoint: the default one stands behind two workers of Miniflare's, for the files.
    unsafeDirectSockets: [{ host: options.host, port: options.port, entrypoint: ENTRYPOINT }],
  };
  return convertV4MiniflareOptions({
    workers: [porthole],
    host: "127.0.0.1",
    port: 0,
    ...(options.stateDir ? { resourcePersistencePath: options.stateDir } : {}),
    // The properties of Cloudflare's network cannot be looked up here.
    cf: false,
    unsafeRuntimeEnv: RUNTIME_ENVIRONMENT,
    logRequests: false,
    unsafeInspectDurableObjects: options.inspectObjects ?? false,
    handleStructuredLogs: ({ message }) => options.log(message),
  });
}

/** @throws {SentenceError} if nothing can listen on that port */
export function assertFree(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE"
          ? `Port ${port} on ${host} is taken by another program; stop that, or choose another: PORT=8788 npm start`
          : `Port ${port} on ${host} cannot be used (${error.code}); choose another: PORT=8788 npm start`;
      reject(new SentenceError(why));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
