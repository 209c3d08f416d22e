import { WorkerEntrypoint } from "cloudflare:workers";
import porthole from "../dist/worker/index.js";

/**
 * Stands before the Worker where Cloudflare's network would, in the edge that runs on one machine:
 * it says where each request comes from, whatever the client wrote, answers files, and compresses
 * what is sent. It is one isolate with the Worker, since each worker between a client and an object
 * would pass on every frame. It is plain JavaScript since workerd reads the file as it is.
 */

export * from "../dist/worker/index.js";

const ADDRESS = "cf-connecting-ip";

/** What listens for everybody. `clientIp` is the other end of the TCP connection, as workerd sees it. */
export class Public extends WorkerEntrypoint {
  async fetch(request) {
    const url = new URL(request.url);
    const headers = new Headers(request.headers);
    let address = withoutPort(request.cf?.clientIp ?? "");
    if (this.env.TRUST_PROXY) {
      // The proxy appends to what its client wrote: only the last one is its own word.
      address = headers.get("x-forwarded-for")?.split(",").at(-1)?.trim() || address;
      const scheme = headers.get("x-forwarded-proto");
      if (scheme === "http" || scheme === "https") url.protocol = scheme;
    }
    headers.set(ADDRESS, address || "unknown");
    const told = new Request(new Request(url, request), { headers });
    const answer = (await file(told, url, this.env)) ?? porthole.fetch(told, this.env, this.ctx);
    return compressed(await answer, headers);
  }
}

/** Miniflare's own entrance, which this machine's programs can find: it does not know who comes. */
export default {
  async fetch(request, env, ctx) {
    const headers = new Headers(request.headers);
    headers.delete(ADDRESS);
    const told = new Request(request, { headers });
    return compressed(await porthole.fetch(told, env, ctx), headers);
  },
};

/** As on Cloudflare's network: before the Worker, unless it comes first at this path (wrangler.toml). */
async function file(request, { pathname }, env) {
  const isWorkers = env.WORKER_PATHS.some((path) =>
    path.endsWith("*") ? pathname.startsWith(path.slice(0, -1)) : pathname === path,
  );
  if (isWorkers) return null;
  const { url, method, headers } = request; // its body is the Worker's, should there be no such file
  const found = await env.ASSETS.fetch(new Request(url, { method, headers, redirect: "manual" }));
  return found.status === 404 ? null : found;
}

function compressed(response, requestHeaders) {
  const isPlain = response.status === 200 && response.body !== null;
  if (!isPlain || response.headers.has("content-encoding")) return response;
  if (!/\bgzip\b/.test(requestHeaders.get("accept-encoding") ?? "")) return response;
  const answer = new Response(response.body, response);
  answer.headers.set("content-encoding", "gzip"); // and workerd does it
  answer.headers.append("vary", "accept-encoding");
  return answer;
}

/** `127.0.0.1:4711` and `[::1]:4711` without the port and the brackets. */
function withoutPort(address) {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
