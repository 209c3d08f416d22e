import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { CHAT_ROWS } from "../../bench/chat/rows.ts";
import type { PartId } from "../../bench/part.ts";
import { SESSION_ROWS } from "../../bench/sessions.ts";
import { ROWS } from "../../bench/streams/rows.ts";
import type { Results } from "../../bench/table.ts";
import { ROOT } from "../../scripts/tool.ts";

/** Bench and test share the clock with whatever else runs; a quick round takes about 30 s. */
const WITHIN_MS = 110_000;

async function runBench(...options: string[]): Promise<{ code: number | null; out: string }> {
  const child = spawn(process.execPath, [join(ROOT, "bench/main.ts"), ...options], {
    stdio: ["ignore", "pipe", "inherit"],
    timeout: WITHIN_MS,
  });
  const code = new Promise<number | null>((resolve) => child.on("close", resolve));
  const out = await text(child.stdout);
  return { code: await code, out };
}

const ROWS_OF: Partial<Record<PartId, readonly { id: string }[]>> = {
  streams: ROWS,
  sessions: SESSION_ROWS,
  chat: CHAT_ROWS,
};

/** Of these rows only one column is measured. */
const OF_MANY_ONLY = ["made_per_s", "looked_up_per_s"];

test("a quick round of the bench gives every row of every part for every contender", async () => {
  const { code, out } = await runBench("--quick", "--json");
  expect(code).toBe(0);
  const results = JSON.parse(out) as Results;

  expect(results.counts).toBe(false);
  expect(Object.keys(results.parts)).toEqual(Object.keys(ROWS_OF));
  for (const [id, plans] of Object.entries(ROWS_OF) as [PartId, readonly { id: string }[]][]) {
    const part = results.parts[id];
    expect(part?.rows.map((row) => row.id)).toEqual(plans.map((row) => row.id));
    expect(part?.goals.length, id).toBeGreaterThan(0);
    for (const row of part?.rows ?? []) {
      const columns = part?.layout.columns.map((column) => column.id) ?? [];
      const measured = OF_MANY_ONLY.includes(row.id) ? ["many"] : columns;
      expect(Object.keys(row.values).toSorted(), row.id).toEqual(measured.toSorted());
      for (const value of Object.values(row.values)) expect(value, row.id).not.toBeNull();
    }
  }
}, 120_000);

test("an option that is none is answered with a sentence", async () => {
  expect(await runBench("--rounds", "none")).toEqual({ code: 1, out: "" });
});

test("a part that is none is answered with a sentence", async () => {
  expect(await runBench("speed")).toEqual({ code: 1, out: "" });
});
