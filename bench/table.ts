import type { Machine } from "./machine.ts";
import type { PartId, PartResults } from "./part.ts";
import { median } from "./statistics.ts";

/** A row before anything was measured. */
export type RowPlan = { id: string; name: string; unit: string; digits: number };

/** What a table shows beside each other. */
export type Layout = {
  columns: readonly { id: string; heading: string }[];
  /** Columns as multiples of others, unless those are 0; `against` says of what, in a goal. */
  ratios: readonly {
    id: string;
    heading: string;
    column: string;
    to: string;
    against: string;
  }[];
};

/** One row: for each column the median of what was measured, if anything was. */
export type RowResult = RowPlan & {
  values: Record<string, number>;
  ratios: Record<string, number>;
  passes: Record<string, number[]>;
};

/** What was measured, by row and column. */
export class Collected {
  readonly #passes = new Map<string, Map<string, number[]>>();

  add(column: string, values: Readonly<Record<string, number | undefined>>): void {
    for (const [row, value] of Object.entries(values)) {
      if (value === undefined) continue;
      const columns = this.#passes.get(row) ?? new Map<string, number[]>();
      this.#passes.set(row, columns);
      columns.set(column, [...(columns.get(column) ?? []), value]);
    }
  }

  rows(plans: readonly RowPlan[], layout: Layout): RowResult[] {
    return plans.map((plan) => {
      const passes = Object.fromEntries(this.#passes.get(plan.id) ?? []);
      const values = Object.fromEntries(
        Object.entries(passes).map(([column, numbers]) => [column, median(numbers)]),
      );
      return { ...plan, values, ratios: ratiosOf(values, layout), passes };
    });
  }
}

function ratiosOf(values: Record<string, number>, { ratios }: Layout): Record<string, number> {
  const known = ratios.flatMap(({ id, column, to }) => {
    const [of, by] = [values[column], values[to]];
    return of === undefined || !by ? [] : [[id, of / by] as const];
  });
  return Object.fromEntries(known);
}

/** What the bench holds Porthole to. */
export type Goal = {
  row: string;
  /** A ratio of the table; or with `value` a column, in the row's unit. */
  of: string;
  value?: true;
  bound: "at least" | "at most" | "below";
  limit: number;
};

export type GoalResult = { goal: string; row: string; value: number; met: boolean };

/** Compares the medians with the goals. @throws {RangeError} for a goal of what was not measured */
export function judge(
  goals: readonly Goal[],
  rows: readonly RowResult[],
  { ratios }: Layout,
): GoalResult[] {
  return goals.map((goal) => {
    const row = rows.find(({ id }) => id === goal.row);
    const value = (goal.value ? row?.values : row?.ratios)?.[goal.of];
    if (!row || value === undefined) throw new RangeError(`There is no ${goal.of} of ${goal.row}.`);
    const against = ratios.find(({ id }) => id === goal.of)?.against;
    const limit = goal.value ? `${goal.limit} ${row.unit}` : `${goal.limit}x of ${against}`;
    const met = isMet(goal, value);
    return { goal: `${row.name}: ${goal.bound} ${limit}`, row: row.id, value, met };
  });
}

function isMet({ bound, limit }: Goal, value: number): boolean {
  if (bound === "at least") return value >= limit;
  return bound === "at most" ? value <= limit : value < limit;
}

export type Results = {
  machine: Machine;
  rounds: number;
  /** Whether this was a full run of enough rounds, and not a smoke run. */
  counts: boolean;
  parts: Partial<Record<PartId, PartOfResults>>;
};

type PartOfResults = PartResults & { note: string };

/** What the numbers that follow are of, for a person. */
export function renderHeading({ machine, rounds, counts }: Omit<Results, "parts">): string {
  const times = `${rounds} ${rounds === 1 ? "round" : "rounds"}`;
  return [
    counts
      ? `Medians of ${times}, interleaved.`
      : `A smoke run (${times}): no result, only a sign that it works.`,
    `${machine.cores} cores, ${machine.cpu}; Linux ${machine.kernel}; load ${machine.load} at the start`,
    `node ${machine.node}, workerd ${machine.workerd}, socket.io ${machine.socketIo}, ` +
      `websockify ${machine.websockify}, ${machine.ssh}`,
  ].join("\n");
}

/** What came of one part, for a person. */
export function renderPart(id: PartId, { layout, rows, goals, note }: PartOfResults): string {
  return [
    "",
    `# ${id}`,
    "",
    ...renderTable(rows, layout),
    "",
    note,
    ...goals.map(({ goal, value, met }) => {
      return `${met ? "met    " : "NOT MET"}  ${goal} (${value.toFixed(2)})`;
    }),
  ].join("\n");
}

/** Stands where nothing was measured. */
const NOTHING = "-";

function renderTable(rows: readonly RowResult[], { columns, ratios }: Layout): string[] {
  const lines = rows.map((row) => [
    `${row.name} [${row.unit}]`,
    ...columns.map(({ id }) => row.values[id]?.toFixed(row.digits) ?? NOTHING),
    ...ratios.map(({ id }) => (id in row.ratios ? `${row.ratios[id]?.toFixed(2)}x` : NOTHING)),
  ]);
  const table = [["", ...[...columns, ...ratios].map(({ heading }) => heading)], ...lines];
  const widths = (table[0] ?? []).map((_, column) => {
    return Math.max(...table.map((cells) => cells[column]?.length ?? 0));
  });
  return table.map((cells) => {
    const padded = cells.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return padded.join("  ").trimEnd();
  });
}
