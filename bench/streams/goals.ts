import type { Goal } from "../table.ts";

/** `ssh`: against websockify behind `ssh -R`; `gate`: against Porthole without its gate. */
export const STREAM_GOALS: readonly Goal[] = [
  { row: "round_trip_p50_ms", of: "ssh", bound: "at most", limit: 0.8 },
  { row: "throughput_1460", of: "ssh", bound: "at least", limit: 1.5 },
  { row: "throughput_16k", of: "ssh", bound: "at least", limit: 2.3 },
  { row: "throughput_64k", of: "ssh", bound: "at least", limit: 2.3 },
  { row: "cpu_1460", of: "ssh", bound: "at most", limit: 0.4 },
  { row: "cpu_16k", of: "ssh", bound: "at most", limit: 0.4 },
  { row: "cpu_64k", of: "ssh", bound: "at most", limit: 0.4 },
  { row: "round_trip_p50_ms", of: "gate", bound: "at most", limit: 1.1 },
  { row: "throughput_1460", of: "gate", bound: "at least", limit: 0.95 },
  { row: "throughput_16k", of: "gate", bound: "at least", limit: 0.95 },
  { row: "throughput_64k", of: "gate", bound: "at least", limit: 0.95 },
  { row: "stalled_sent_mb", of: "porthole", value: true, bound: "below", limit: 32 },
  { row: "stalled_growth_mb", of: "porthole", value: true, bound: "below", limit: 48 },
];
