import type { RowId } from "./rows.ts";
import type { RowResult } from "./table.ts";

/** What the bench holds Porthole to. */
type Goal = {
  row: RowId;
  /**
   * `ratio`: against websockify behind `ssh -R`; `gate`: against Porthole without its gate; `value`:
   * of Porthole alone, in the row's unit.
   */
  of: "ratio" | "gate" | "value";
  bound: "at least" | "at most" | "below";
  limit: number;
};

const GOALS: readonly Goal[] = [
  { row: "round_trip_p50_ms", of: "ratio", bound: "at most", limit: 0.8 },
  { row: "throughput_1460", of: "ratio", bound: "at least", limit: 1.5 },
  { row: "throughput_16k", of: "ratio", bound: "at least", limit: 2.3 },
  { row: "throughput_64k", of: "ratio", bound: "at least", limit: 2.3 },
  { row: "cpu_1460", of: "ratio", bound: "at most", limit: 0.4 },
  { row: "cpu_16k", of: "ratio", bound: "at most", limit: 0.4 },
  { row: "cpu_64k", of: "ratio", bound: "at most", limit: 0.4 },
  { row: "round_trip_p50_ms", of: "gate", bound: "at most", limit: 1.1 },
  { row: "throughput_1460", of: "gate", bound: "at least", limit: 0.95 },
  { row: "throughput_16k", of: "gate", bound: "at least", limit: 0.95 },
  { row: "throughput_64k", of: "gate", bound: "at least", limit: 0.95 },
  { row: "stalled_sent_mb", of: "value", bound: "below", limit: 32 },
  { row: "stalled_growth_mb", of: "value", bound: "below", limit: 48 },
];

export type GoalResult = { goal: string; row: RowId; value: number; met: boolean };

/** Compares the medians with the goals. */
export function judge(rows: readonly RowResult[]): GoalResult[] {
  return GOALS.map((goal) => {
    const row = rows.find((candidate) => candidate.id === goal.row);
    if (!row) throw new RangeError(`There is no row ${goal.row}.`);
    const value = goal.of === "value" ? row.porthole : row[goal.of];
    const limit =
      goal.of === "value" ? `${goal.limit} ${row.unit}` : `${goal.limit}${AGAINST[goal.of]}`;
    return {
      goal: `${row.name}: ${goal.bound} ${limit}`,
      row: goal.row,
      value,
      met: isMet(goal, value),
    };
  });
}

const AGAINST = { ratio: "x of ssh -R", gate: "x of the same without the gate" };

function isMet({ bound, limit }: Goal, value: number): boolean {
  if (bound === "at least") return value >= limit;
  return bound === "at most" ? value <= limit : value < limit;
}
