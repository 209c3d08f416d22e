import { WorkerEntrypoint } from "cloudflare:workers";

/**
 * Stands before the Worker where Cloudflare's network would, in the edge that runs on one machine:
 * it says where each request comes from, whatever the client wrote, and compresses what is sent.
 * Frames of streams pass it without JavaScript. It is plain JavaScript since workerd reads the file as it is.
 */

const ADDRESS = "cf-connecting-ip";

/** What listens for everybody. `clientIp` is the other end of the TCP connection, as workerd sees it. */
export class Public extends WorkerEntrypoint {
  fetch(request) {
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
    return pass(this.env, new Request(url, request), headers);
  }
}

/** Miniflare's own entrance, which this machine's programs can find: it does not know who comes. */
export default {
  fetch(request, env) {
    const headers = new Headers(request.headers);
    headers.delete(ADDRESS);
    return pass(env, request, headers);
  },
};

async function pass(env, request, headers) {
  const response = await env.PORTHOLE.fetch(new Request(request, { headers }));
  const isPlain = response.status === 200 && response.body !== null;
  if (!isPlain || response.headers.has("content-encoding")) return response;
  if (!/\bgzip\b/.test(headers.get("accept-encoding") ?? "")) return response;
  const answer = new Response(response.body, response);
  answer.headers.set("content-encoding", "gzip"); // and workerd does it
  answer.headers.append("vary", "accept-encoding");
  return answer;
}

/** `127.0.0.1:4711` and `[::1]:4711` without the port and the brackets. */
function withoutPort(address) {
  return address.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
}
