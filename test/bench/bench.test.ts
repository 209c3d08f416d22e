import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { CONTENDER_IDS } from "../../bench/contenders/contender.ts";
import { ROWS } from "../../bench/rows.ts";
import type { Results } from "../../bench/table.ts";
import { ROOT } from "../../scripts/tool.ts";

/** Bench and test share the clock with whatever else runs; a quick round takes about 12 s. */
const WITHIN_MS = 55_000;

async function runBench(...options: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [join(ROOT, "bench/main.ts"), ...options], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: WITHIN_MS,
  });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const out = await text(child.stdout);
  return { code: await code, out };
}

test("a quick round of the bench gives every row for every contender", async () => {
  const { code, out } = await runBench("--quick", "--json");
  expect(code).toBe(0);
  const results = JSON.parse(out) as Results;

  expect(results.counts).toBe(false);
  expect(results.rows.map((row) => row.id)).toEqual(ROWS.map((row) => row.id));
  for (const row of results.rows) {
    for (const contender of CONTENDER_IDS) {
      expect(row[contender], `${row.id} of ${contender}`).toBeGreaterThan(0);
    }
  }
  expect(results.goals.length).toBeGreaterThan(0);
}, 60_000);

test("an option that is none is answered with a sentence", async () => {
  expect(await runBench("--rounds", "none")).toEqual({ code: 1, out: "" });
});
