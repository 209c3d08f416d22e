import type { Context } from "hono";
import { SessionStatus } from "../../protocol/api.ts";
import { registry } from "../env.ts";
import { EXPOSITION_TYPE, expose, type Metric } from "../exposition.ts";
import type { AppEnv } from "../identity/callers.ts";
import type { Measures } from "../objects/registry.ts";
import { VERSION } from "../version.ts";

/** `GET /metrics`, for Prometheus: a key with the role viewer as Bearer. */
export async function metrics(c: Context<AppEnv>): Promise<Response> {
  const text = expose(metricsOf(await registry(c.env).measure()));
  return c.body(text, 200, { "content-type": EXPOSITION_TYPE, "cache-control": "no-store" });
}

function metricsOf({ sessions, hosts, activity, watchers }: Measures): Metric[] {
  const countOf = (kind: string) => activity.find((counted) => counted.kind === kind)?.count ?? 0;
  const refused = activity.filter(({ kind }) => /^\d+$/.test(kind));
  return [
    {
      name: "porthole_build_info",
      type: "gauge",
      help: "Always 1; the label says which version runs.",
      samples: [{ labels: { version: VERSION }, value: 1 }],
    },
    {
      name: "porthole_sessions",
      type: "gauge",
      help: "Sessions that are known, by state; ended ones until they are forgotten.",
      // Every state, so that one with no sessions is a 0 and not missing.
      samples: SessionStatus.options.map((state) => ({
        labels: { state },
        value: sessions[state] ?? 0,
      })),
    },
    {
      name: "porthole_hosts",
      type: "gauge",
      help: "Hosts that have joined, by whether their agent is connected.",
      samples: [
        { labels: { state: "online" }, value: hosts.online },
        { labels: { state: "offline" }, value: hosts.offline },
      ],
    },
    {
      name: "porthole_streams",
      type: "gauge",
      help: "Streams that the hosts which are online have now, or are about to have.",
      samples: [{ value: hosts.streams }],
    },
    {
      name: "porthole_stream_connects_total",
      type: "counter",
      help: "Viewers who connected to a session, by outcome: opened, or the close code.",
      samples: [
        { labels: { outcome: "opened" }, value: countOf("opened") },
        ...refused.map(({ kind, count }) => ({ labels: { outcome: kind }, value: count })),
      ],
    },
    {
      name: "porthole_streams_closed_total",
      type: "counter",
      help: "Streams that were open and are over.",
      samples: [{ value: countOf("closed") }],
    },
    {
      name: "porthole_link_latency_seconds",
      type: "gauge",
      help: "A round trip from the agent of a host that is online to the edge and back, as last told.",
      samples: hosts.latencies.map(({ host_id, latency_ms }) => ({
        labels: { host: host_id },
        value: latency_ms / 1000,
      })),
    },
    {
      name: "porthole_event_watchers",
      type: "gauge",
      help: "Open sockets of /api/events.",
      samples: [{ value: watchers }],
    },
  ];
}
