import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { SentenceError } from "../../scripts/sentence.ts";
import { cpuSeconds, processTree, residentBytes } from "../process-tree.ts";
import { median, quantile } from "../statistics.ts";
import type { Contender } from "./contenders/contender.ts";
import type { LoadServer } from "./load.ts";
import { type RowId, WRITE_SIZES, type WriteSize } from "./rows.ts";
import { Viewer } from "./viewer.ts";

/** How much of each a round does. */
export type Sizes = {
  dials: number;
  warmUpEchoes: number;
  echoes: number;
  warmUpBytes: number;
  downloadBytes: number;
  stallBytes: number;
  /** Each measure is taken once a round. */
  onePass: boolean;
};

const MB = 1e6;
const GB = 1e9;

export const FULL_SIZES: Sizes = {
  dials: 20,
  warmUpEchoes: 300,
  echoes: 500,
  warmUpBytes: 40 * MB,
  downloadBytes: 400 * MB,
  stallBytes: 600 * MB,
  onePass: false,
};

/** Enough to see that every row comes out. */
export const QUICK_SIZES: Sizes = {
  dials: 2,
  warmUpEchoes: 10,
  echoes: 50,
  warmUpBytes: 4 * MB,
  downloadBytes: 32 * MB,
  stallBytes: 32 * MB,
  onePass: true,
};

/** A host has stalled when nothing more of its flood went out for this long. */
const STALLED_AFTER_MS = 1_500;

/** How long the flood at a viewer that does not read may go on. */
const STALL_TIMEOUT_MS = 60_000;

/** How often a stalling host and the memory on the path are looked at. */
const SAMPLE_MS = 25;

/** Bytes per write of the flood at a viewer that does not read. */
const STALL_WRITE_BYTES = 64 * 1024;

export type Values = Partial<Record<RowId, number>>;

/** What is measured of one contender in one go. */
type Measure = (contender: Contender, server: LoadServer, sizes: Sizes) => Promise<Values>;

/**
 * In their order within a round. The viewer that stops reading comes first, while the processes
 * are fresh: later they could grow into memory that the downloads left them. What differs by a few
 * percent at most is measured in several short passes, the contenders taking turns: what else the
 * machine does in one second then meets all of them.
 */
export const MEASURES: readonly { measure: Measure; passes: number }[] = [
  { measure: measureStall, passes: 1 },
  { measure: measureDials, passes: 1 },
  { measure: measureRoundTrips, passes: 8 },
  ...WRITE_SIZES.map((size) => ({
    measure: ((...args) => measureDownload(size, ...args)) as Measure,
    passes: 4,
  })),
];

/** Lends a connected viewer, and waits until nothing of its connection is left. */
async function withViewer<Result>(
  contender: Contender,
  server: LoadServer,
  use: (viewer: Viewer, firstByteMs: number) => Promise<Result>,
): Promise<Result> {
  const { viewer, firstByteMs } = await Viewer.dial(await contender.address(), contender.security);
  try {
    return await use(viewer, firstByteMs);
  } finally {
    await viewer.close();
    await server.quiet();
  }
}

/** From the dial to the first byte of RFB. */
async function measureDials(
  contender: Contender,
  server: LoadServer,
  sizes: Sizes,
): Promise<Values> {
  const times: number[] = [];
  for (let dial = 0; dial < sizes.dials; dial++) {
    times.push(await withViewer(contender, server, async (_viewer, firstByteMs) => firstByteMs));
  }
  return { first_byte_ms: median(times) };
}

/** A small request and its answer, one after the other. */
function measureRoundTrips(
  contender: Contender,
  server: LoadServer,
  sizes: Sizes,
): Promise<Values> {
  return withViewer(contender, server, async (viewer) => {
    for (let echo = 0; echo < sizes.warmUpEchoes; echo++) await viewer.echo();
    const times: number[] = [];
    for (let echo = 0; echo < sizes.echoes; echo++) times.push(await viewer.echo());
    return { round_trip_p50_ms: quantile(times, 0.5), round_trip_p99_ms: quantile(times, 0.99) };
  });
}

/** Throughput, and the CPU time that it took on the path. */
function measureDownload(
  { writeBytes, throughput, cpu }: WriteSize,
  contender: Contender,
  server: LoadServer,
  sizes: Sizes,
): Promise<Values> {
  return withViewer(contender, server, async (viewer) => {
    await viewer.download(sizes.warmUpBytes, writeBytes);
    const cpuBefore = cpuSeconds(contender.roots);
    const ms = await viewer.download(sizes.downloadBytes, writeBytes);
    const cpuUsed = cpuSeconds(contender.roots) - cpuBefore;
    return {
      [throughput]: sizes.downloadBytes / MB / (ms / 1000),
      [cpu]: cpuUsed / (sizes.downloadBytes / GB),
    };
  });
}

/**
 * A viewer asks for a flood and stops reading: how much leaves the host, and by how much the
 * processes on the path grow at their peak.
 */
function measureStall(contender: Contender, server: LoadServer, sizes: Sizes): Promise<Values> {
  return withViewer(contender, server, async (viewer) => {
    const processes = processTree(contender.roots);
    const before = residentBytes(processes);
    let peak = before;
    viewer.stall(sizes.stallBytes, STALL_WRITE_BYTES);

    const startedAt = performance.now();
    let sent = 0;
    let changedAt = startedAt;
    for (;;) {
      await sleep(SAMPLE_MS);
      peak = Math.max(peak, residentBytes(processes));
      const now = performance.now();
      const progress = await server.progress();
      if (progress.sent !== sent) changedAt = now;
      sent = progress.sent;
      if (sent > 0 && now - changedAt > STALLED_AFTER_MS) break;
      if (now - startedAt > STALL_TIMEOUT_MS) {
        const seconds = STALL_TIMEOUT_MS / 1000;
        throw new SentenceError(`The host was still sending after ${seconds} s (${contender.id}).`);
      }
    }
    return { stalled_sent_mb: sent / MB, stalled_growth_mb: (peak - before) / MB };
  });
}
