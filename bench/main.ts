import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { BENCH_PROGRAMS, needPrograms } from "../scripts/debian.ts";
import { runScript, SentenceError } from "../scripts/sentence.ts";
import { type Contender, type PerContender, perContender } from "./contenders/contender.ts";
import { startPorthole } from "./contenders/porthole.ts";
import { startWebsockify } from "./contenders/websockify.ts";
import { startWebsockifySsh } from "./contenders/websockify-ssh.ts";
import { judge } from "./goals.ts";
import { LoadServer } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { FULL_SIZES, MEASURES, QUICK_SIZES, type Sizes } from "./measure.ts";
import { Processes } from "./processes.ts";
import { ROWS, type RowId } from "./rows.ts";
import { type Results, renderReport, summarise } from "./table.ts";

const USAGE = `npm run bench -- [--json] [--rounds N] [--quick]
  --json      the result as JSON on standard output
  --rounds N  how many rounds (5; fewer are a smoke run and no result)
  --quick     one round of small sizes: only shows that every row comes out`;

/** Fewer rounds than this are no result. */
const ENOUGH_ROUNDS = 5;
const MAX_ROUNDS = 100;

/** What a shell expects of a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

type Settings = { json: boolean; rounds: number; quick: boolean };

/** @throws {SentenceError} on an option that is none */
function readSettings(): Settings {
  let values: { json?: boolean; rounds?: string; quick?: boolean };
  try {
    const boolean = { type: "boolean" } as const;
    const options = { json: boolean, quick: boolean, rounds: { type: "string" } } as const;
    values = parseArgs({ options }).values;
  } catch (error) {
    throw new SentenceError(`${(error as Error).message}\n\n${USAGE}`);
  }
  const quick = values.quick ?? false;
  const rounds = Number(values.rounds ?? (quick ? 1 : ENOUGH_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAX_ROUNDS) {
    throw new SentenceError(`--rounds takes a number from 1 to ${MAX_ROUNDS}.\n\n${USAGE}`);
  }
  return { json: values.json ?? false, rounds, quick };
}

type Collected = Record<RowId, PerContender<number[]>>;

/**
 * The items in another order for each turn: each comes first as often as any other, and before each
 * other as often as after it. Whoever follows one that uses the same processes finds them warm.
 */
function inTurn<Item>(items: readonly Item[], turn: number): Item[] {
  const start = Math.floor(turn / 2) % items.length;
  const rotated = [...items.slice(start), ...items.slice(0, start)];
  return turn % 2 === 0 ? rotated : rotated.reverse();
}

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
      const values = await measure(contender, server, sizes);
      for (const { id } of ROWS) {
        const value = values[id];
        if (value !== undefined) collected[id][contender.id].push(value);
      }
    }
  }
  for (const contender of contenders) await contender.stop();
  await server.stop();
}

async function runRounds(settings: Settings, processes: Processes, tempDir: string) {
  const machine = describeMachine();
  const sizes = settings.quick ? QUICK_SIZES : FULL_SIZES;
  const collected = Object.fromEntries(
    ROWS.map(({ id }) => [id, perContender<number[]>(() => [])]),
  ) as Collected;
  for (let round = 0; round < settings.rounds; round++) {
    console.error(`round ${round + 1} of ${settings.rounds}`);
    await runRound(round, processes, join(tempDir, `round-${round}`), sizes, collected);
  }
  const rows = summarise(collected);
  const counts = !settings.quick && settings.rounds >= ENOUGH_ROUNDS;
  const results: Results = {
    machine,
    rounds: settings.rounds,
    counts,
    rows,
    goals: judge(rows),
  };
  return results;
}

/** Settles when somebody wants the bench to end. */
function interruption(): Promise<"interrupted"> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      process.on(signal, () => resolve("interrupted"));
    }
  });
}

async function main(): Promise<void> {
  const settings = readSettings();
  if (process.platform !== "linux") {
    throw new SentenceError(
      "The bench reads CPU time and memory from /proc: it runs on Linux only.",
    );
  }
  needPrograms(BENCH_PROGRAMS, (line) => console.error(line));
  const processes = new Processes();
  const tempDir = mkdtempSync(join(tmpdir(), "porthole-bench-"));
  let outcome: Results | "interrupted";
  try {
    outcome = await Promise.race([runRounds(settings, processes, tempDir), interruption()]);
  } finally {
    await processes.stopAll();
    rmSync(tempDir, { recursive: true, force: true });
  }
  if (outcome === "interrupted") process.exit(EXIT_INTERRUPTED);
  console.log(settings.json ? JSON.stringify(outcome, null, 2) : renderReport(outcome));
}

await runScript(main);
