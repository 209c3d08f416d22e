import { join } from "node:path";
import { BENCH_PROGRAMS, needPrograms } from "../../scripts/debian.ts";
import { inTurn, type Part, type Settings } from "../part.ts";
import type { Processes } from "../processes.ts";
import { Collected, judge, type Layout } from "../table.ts";
import type { Contender } from "./contenders/contender.ts";
import { startPorthole } from "./contenders/porthole.ts";
import { startWebsockify } from "./contenders/websockify.ts";
import { startWebsockifySsh } from "./contenders/websockify-ssh.ts";
import { STREAM_GOALS } from "./goals.ts";
import { LoadServer } from "./load.ts";
import { FULL_SIZES, MEASURES, QUICK_SIZES, type Sizes } from "./measure.ts";
import { ROWS } from "./rows.ts";

const LAYOUT: Layout = {
  columns: [
    { id: "porthole", heading: "porthole" },
    { id: "porthole_ungated", heading: "without gate" },
    { id: "websockify_ssh", heading: "websockify+ssh -R" },
    { id: "websockify", heading: "websockify direct" },
  ],
  ratios: [
    {
      id: "ssh",
      heading: "/ ssh -R",
      column: "porthole",
      to: "websockify_ssh",
      against: "ssh -R",
    },
    {
      id: "gate",
      heading: "/ without gate",
      column: "porthole",
      to: "porthole_ungated",
      against: "the same without the gate",
    },
  ],
};

/** What a desktop's bytes cost on their way to a viewer. */
export const STREAMS: Part = {
  note: "CPU and memory: of all processes between viewer and server. MB = 10^6 bytes.",
  async run({ rounds, quick }: Settings, processes, dir) {
    needPrograms(BENCH_PROGRAMS, (line) => console.error(line));
    const sizes = quick ? QUICK_SIZES : FULL_SIZES;
    const collected = new Collected();
    for (let round = 0; round < rounds; round++) {
      console.error(`streams: round ${round + 1} of ${rounds}`);
      await runRound(round, processes, join(dir, `round-${round}`), sizes, collected);
    }
    const rows = collected.rows(ROWS, LAYOUT);
    return { layout: LAYOUT, rows, goals: judge(STREAM_GOALS, rows, LAYOUT) };
  },
};

/**
 * One round: every contender started anew, every pass of a measure taken of one after the other, so
 * that whatever else the machine does meets them all.
 */
async function runRound(
  round: number,
  processes: Processes,
  stateDir: string,
  sizes: Sizes,
  collected: Collected,
): Promise<void> {
  const server = await LoadServer.start(processes);
  const contenders: Contender[] = [
    ...(await startPorthole(processes, join(stateDir, "porthole"), server.ports)),
    await startWebsockifySsh(processes, join(stateDir, "ssh"), server.ports.none),
    await startWebsockify(processes, server.ports.none),
  ];
  const passes = MEASURES.flatMap(({ measure, passes }) =>
    new Array<typeof measure>(sizes.onePass ? 1 : passes).fill(measure),
  );
  for (const [index, measure] of passes.entries()) {
    for (const contender of inTurn(contenders, round + index)) {
      collected.add(contender.id, await measure(contender, server, sizes));
    }
  }
  for (const contender of contenders) await contender.stop();
  await server.stop();
}
