import { CONTENDER_IDS, type PerContender } from "./contenders/contender.ts";
import type { GoalResult } from "./goals.ts";
import type { Machine } from "./machine.ts";
import { ROWS, type RowId } from "./rows.ts";
import { median } from "./statistics.ts";

/** One row: the medians over all passes of all rounds, and what each pass gave. */
export type RowResult = PerContender<number> & {
  id: RowId;
  name: string;
  unit: string;
  /** Porthole's median as a multiple of that of websockify behind `ssh -R`. */
  ratio: number;
  /** The same of Porthole without its gate. */
  gate: number;
  passes: PerContender<number[]>;
};

export type Results = {
  machine: Machine;
  rounds: number;
  /** Whether this was a full run of enough rounds, and not a smoke run. */
  counts: boolean;
  rows: RowResult[];
  goals: GoalResult[];
};

/** @param values what the passes gave, per row */
export function summarise(values: Record<RowId, PerContender<number[]>>): RowResult[] {
  return ROWS.map(({ id, name, unit }) => {
    const passes = values[id];
    const porthole = median(passes.porthole);
    const porthole_ungated = median(passes.porthole_ungated);
    const websockify_ssh = median(passes.websockify_ssh);
    const websockify = median(passes.websockify);
    const ratio = porthole / websockify_ssh;
    const gate = porthole / porthole_ungated;
    const medians = { porthole, porthole_ungated, websockify_ssh, websockify };
    return { id, name, unit, ...medians, ratio, gate, passes };
  });
}

const HEADINGS: PerContender<string> = {
  porthole: "porthole",
  porthole_ungated: "without gate",
  websockify_ssh: "websockify+ssh -R",
  websockify: "websockify direct",
};

/** The whole report for a person. */
export function renderReport(results: Results): string {
  const { machine, rounds, counts, rows, goals } = results;
  return [
    counts
      ? `Medians of ${rounds} rounds, interleaved.`
      : `A smoke run (${rounds} ${rounds === 1 ? "round" : "rounds"}): no result, only a sign that it works.`,
    "",
    ...renderTable(rows),
    "",
    `CPU and memory: of all processes between viewer and server. MB = 10^6 bytes.`,
    `${machine.cores} cores, ${machine.cpu}; Linux ${machine.kernel}; load ${machine.load} at the start`,
    `node ${machine.node}, workerd ${machine.workerd}, websockify ${machine.websockify}, ${machine.ssh}`,
    "",
    ...goals.map(({ goal, value, met }) => {
      return `${met ? "met    " : "NOT MET"}  ${goal} (${value.toFixed(2)})`;
    }),
  ].join("\n");
}

function renderTable(rows: readonly RowResult[]): string[] {
  const heading = ["", ...CONTENDER_IDS.map((id) => HEADINGS[id]), "/ ssh -R", "/ without gate"];
  const lines = rows.map((row) => {
    const digits = ROWS.find(({ id }) => id === row.id)?.digits ?? 0;
    return [
      `${row.name} [${row.unit}]`,
      ...CONTENDER_IDS.map((id) => row[id].toFixed(digits)),
      `${row.ratio.toFixed(2)}x`,
      `${row.gate.toFixed(2)}x`,
    ];
  });
  const table = [heading, ...lines];
  const widths = heading.map((_, column) => {
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
