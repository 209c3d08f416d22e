import { join } from "node:path";
import { inTurn, type Part, type Settings } from "../part.ts";
import type { Processes } from "../processes.ts";
import { Collected, type Goal, judge, type Layout } from "../table.ts";
import type { ChatContender } from "./contenders/contender.ts";
import { startDemo } from "./contenders/demo.ts";
import { startPortholeChat } from "./contenders/porthole.ts";
import { startSocketIo } from "./contenders/socketio.ts";
import { CHAT_MEASURES, type ChatSizes, FULL_CHAT_SIZES, QUICK_CHAT_SIZES } from "./measure.ts";
import { CHAT_ROWS } from "./rows.ts";

export const CHAT_LAYOUT: Layout = {
  columns: [
    { id: "porthole", heading: "porthole" },
    { id: "socketio", heading: "socket.io+SQLite" },
    { id: "demo", heading: "DO demo's way" },
    { id: "demo_stored", heading: "the same, stored first" },
  ],
  ratios: [
    {
      id: "socketio",
      heading: "/ socket.io",
      column: "porthole",
      to: "socketio",
      against: "socket.io",
    },
    { id: "demo", heading: "/ demo", column: "porthole", to: "demo", against: "the demo's way" },
    {
      id: "demo_stored",
      heading: "/ stored first",
      column: "porthole",
      to: "demo_stored",
      against: "the demo's way, stored first",
    },
  ],
};

const CHAT_GOALS: readonly Goal[] = [
  { row: "loaded_p99_ms", of: "socketio", bound: "below", limit: 1 },
  { row: "loaded_p99_ms", of: "demo", bound: "below", limit: 1 },
  { row: "receipt_p99_ms", of: "socketio", bound: "below", limit: 1 },
  { row: "receipt_p99_ms", of: "demo", bound: "below", limit: 1 },
];

/** What a chat's messages cost on their way to its members. */
export const CHAT: Part = {
  note:
    "CPU and memory: of all processes of the server. KB = 10^3 bytes. " +
    "The demo's way does not say what was stored; Porthole and socket.io store, then send.",
  async run({ rounds, quick }: Settings, processes, dir) {
    const sizes = quick ? QUICK_CHAT_SIZES : FULL_CHAT_SIZES;
    const collected = new Collected();
    for (let round = 0; round < rounds; round++) {
      console.error(`chat: round ${round + 1} of ${rounds}`);
      await runRound(round, processes, join(dir, `round-${round}`), sizes, collected);
    }
    const rows = collected.rows(CHAT_ROWS, CHAT_LAYOUT);
    return { layout: CHAT_LAYOUT, rows, goals: judge(CHAT_GOALS, rows, CHAT_LAYOUT) };
  },
};

/** As with the streams: all started anew, and every pass of one after the other. */
async function runRound(
  round: number,
  processes: Processes,
  stateDir: string,
  sizes: ChatSizes,
  collected: Collected,
): Promise<void> {
  const contenders = await startChats(processes, stateDir);
  const passes = CHAT_MEASURES.flatMap(({ measure, passes }) =>
    new Array<typeof measure>(sizes.onePass ? 1 : passes).fill(measure),
  );
  for (const [index, measure] of passes.entries()) {
    for (const contender of inTurn(contenders, round + index)) {
      collected.add(contender.id, await measure(contender, sizes));
    }
  }
  for (const contender of contenders) await contender.stop();
}

/** Everybody who keeps a chat, each in processes of its own. */
export async function startChats(processes: Processes, stateDir: string): Promise<ChatContender[]> {
  return [
    await startPortholeChat(processes, join(stateDir, "porthole")),
    await startSocketIo(processes, join(stateDir, "socketio")),
    await startDemo(processes, join(stateDir, "demo"), "demo"),
    await startDemo(processes, join(stateDir, "demo-stored"), "demo_stored"),
  ];
}
