import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { needPrograms } from "../../scripts/debian.ts";
import { SentenceError } from "../../scripts/sentence.ts";
import { inTurn, type Part, type Settings } from "../part.ts";
import { processTree } from "../process-tree.ts";
import type { Processes } from "../processes.ts";
import { Collected } from "../table.ts";
import { CHAT_LAYOUT, startChats } from "./chat.ts";
import type { ChatContender } from "./contenders/contender.ts";
import {
  type ChatSizes,
  FULL_CHAT_SIZES,
  QUICK_CHAT_SIZES,
  STEADY_MEMBERS,
  STEADY_PER_S,
  saySteadily,
  withRoom,
} from "./measure.ts";
import { KINDS, kindOf, stacksOf } from "./stacks.ts";

/** How often the stacks are looked at; no divisor of what timers ring at. */
const SAMPLES_PER_S = 1_999;

/** How long perf may take until it watches; messages are said for so much longer. */
const PERF_STARTS_MS = 3_000;

/** How long it may take until it has written what it saw. */
const PERF_MS = 20_000;

const PERF = { program: "perf", packages: ["linux-perf"] };

/** Where the processor's time for a message goes, at the load whose times the table of the chat has. */
export const CHAT_PROFILE: Part = {
  note: "Milliseconds of processor a message, of all processes of the server, by what perf saw them do.",
  async run({ rounds, quick }: Settings, processes, dir) {
    needPrograms([PERF], (line) => console.error(line));
    const sizes = quick ? QUICK_CHAT_SIZES : FULL_CHAT_SIZES;
    const collected = new Collected();
    for (let round = 0; round < rounds; round++) {
      console.error(`chat-profile: round ${round + 1} of ${rounds}`);
      const roundDir = join(dir, `round-${round}`);
      const contenders = await startChats(processes, roundDir);
      mkdirSync(roundDir, { recursive: true });
      for (const contender of inTurn(contenders, round)) {
        const file = join(roundDir, `${contender.id}.perf`);
        collected.add(contender.id, await profile(contender, sizes, processes, file));
      }
      for (const contender of contenders) await contender.stop();
    }
    const plans = KINDS.map((kind) => ({ ...kind, unit: "ms", digits: 2 }));
    return { layout: CHAT_LAYOUT, rows: collected.rows(plans, CHAT_LAYOUT), goals: [] };
  },
};

/** @returns ms of processor a message, by kind */
function profile(
  contender: ChatContender,
  { steadyMs }: ChatSizes,
  processes: Processes,
  file: string,
): Promise<Record<string, number>> {
  return withRoom(contender, STEADY_MEMBERS, async (wires) => {
    await saySteadily(wires, steadyMs); // what becomes fast by being used is fast then
    const pids = processTree(contender.roots).map(({ pid }) => pid);
    const watch = ["-F", String(SAMPLES_PER_S), "-g", "-o", file, "-p", pids.join(",")];
    const args = ["record", ...watch, "--", "sleep", String(steadyMs / 1000)];
    await Promise.all([
      saySteadily(wires, steadyMs + PERF_STARTS_MS),
      processes.start("perf", "perf", args).succeed(steadyMs + PERF_MS),
    ]);
    const counts = Map.groupBy(stacksOf(await printed(file)), kindOf);
    const messages = (STEADY_PER_S * steadyMs) / 1000;
    const ms = (samples: number) => (samples * 1000) / SAMPLES_PER_S / messages;
    return Object.fromEntries(KINDS.map(({ id }) => [id, ms(counts.get(id)?.length ?? 0)]));
  });
}

async function printed(file: string): Promise<string> {
  const args = ["script", "-i", file, "-F", "ip,sym,dso", "--no-inline"];
  const perf = spawn("perf", args, { stdio: ["ignore", "pipe", "ignore"] });
  const script = await text(perf.stdout);
  if (script === "") {
    throw new SentenceError(
      "perf saw nothing. As a user it needs kernel.perf_event_paranoid at 1 or less; as root it may.",
    );
  }
  return script;
}
