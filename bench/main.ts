import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runScript, SentenceError } from "../scripts/sentence.ts";
import { CHAT } from "./chat/chat.ts";
import { CHAT_PROFILE } from "./chat/profile.ts";
import { describeMachine } from "./machine.ts";
import { NAMED_ONLY, PART_IDS, type Part, type PartId, type Settings } from "./part.ts";
import { Processes } from "./processes.ts";
import { SESSIONS } from "./sessions.ts";
import { STREAMS } from "./streams/streams.ts";
import { type Results, renderHeading, renderPart } from "./table.ts";

const USAGE = `npm run bench -- [streams] [sessions] [chat] [chat-profile] [--json] [--rounds N] [--quick]
  streams, sessions, chat
              only these parts; without one all three, one after the other
  chat-profile
              where the processor's time for a chat's message goes, and what the slowest wait for; perf watches the
              whole machine, as root (Debian: linux-perf)
  --json      the result as JSON on standard output
  --rounds N  how many rounds (5; fewer are a smoke run and no result)
  --quick     one round of small sizes: only shows that every row comes out`;

const PARTS: Record<PartId, Part> = {
  streams: STREAMS,
  sessions: SESSIONS,
  chat: CHAT,
  "chat-profile": CHAT_PROFILE,
};

/** Fewer rounds than this are no result. */
const ENOUGH_ROUNDS = 5;
const MAX_ROUNDS = 100;

/** What a shell expects of a program that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130;

type Command = Settings & { parts: readonly PartId[]; json: boolean };

/** @throws {SentenceError} on an option that is none */
function readCommand(): Command {
  let values: { json?: boolean; rounds?: string; quick?: boolean };
  let positionals: string[];
  try {
    const boolean = { type: "boolean" } as const;
    const options = { json: boolean, quick: boolean, rounds: { type: "string" } } as const;
    ({ values, positionals } = parseArgs({ options, allowPositionals: true }));
  } catch (error) {
    throw new SentenceError(`${(error as Error).message}\n\n${USAGE}`);
  }
  const stranger = positionals.find((name) => !PART_IDS.some((id) => id === name));
  if (stranger !== undefined) {
    throw new SentenceError(`The bench has no part "${stranger}".\n\n${USAGE}`);
  }
  const parts = PART_IDS.filter((id) =>
    positionals.length === 0 ? !NAMED_ONLY.includes(id) : positionals.includes(id),
  );
  const quick = values.quick ?? false;
  const rounds = Number(values.rounds ?? (quick ? 1 : ENOUGH_ROUNDS));
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > MAX_ROUNDS) {
    throw new SentenceError(`--rounds takes a number from 1 to ${MAX_ROUNDS}.\n\n${USAGE}`);
  }
  return { parts, json: values.json ?? false, rounds, quick };
}

async function runParts(command: Command, processes: Processes, dir: string): Promise<Results> {
  const { parts, json, rounds, quick } = command;
  const counts = !quick && rounds >= ENOUGH_ROUNDS;
  const results: Results = { machine: describeMachine(), rounds, counts, parts: {} };
  if (!json) console.log(renderHeading(results));
  for (const id of parts) {
    const { note, run } = PARTS[id];
    const part = { ...(await run({ rounds, quick }, processes, join(dir, id))), note };
    results.parts[id] = part;
    // At once: of a run that is interrupted what was measured counts.
    if (!json) console.log(renderPart(id, part));
  }
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
  const command = readCommand();
  if (process.platform !== "linux") {
    throw new SentenceError(
      "The bench reads CPU time and memory from /proc: it runs on Linux only.",
    );
  }
  const processes = new Processes();
  const tempDir = mkdtempSync(join(tmpdir(), "porthole-bench-"));
  let outcome: Results | "interrupted";
  try {
    outcome = await Promise.race([runParts(command, processes, tempDir), interruption()]);
  } finally {
    await processes.stopAll();
    rmSync(tempDir, { recursive: true, force: true });
  }
  if (outcome === "interrupted") process.exit(EXIT_INTERRUPTED);
  if (command.json) console.log(JSON.stringify(outcome, null, 2));
}

await runScript(main);
