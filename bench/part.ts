import type { Processes } from "./processes.ts";
import type { GoalResult, Layout, RowResult } from "./table.ts";

/** What the bench is made of; each can be run alone. */
export const PART_IDS = ["streams", "sessions", "chat", "chat-profile"] as const;
export type PartId = (typeof PART_IDS)[number];

/** Those that only run when they are named: they explain, and perf must be allowed. */
export const NAMED_ONLY: readonly PartId[] = ["chat-profile"];

export type Settings = {
  rounds: number;
  /** Small sizes, which only show that every row comes out. */
  quick: boolean;
};

export type PartResults = {
  layout: Layout;
  rows: RowResult[];
  goals: GoalResult[];
};

export type Part = {
  /** What a person is told of its table. */
  note: string;
  /** @param dir a folder of its own, which is gone afterwards */
  run(settings: Settings, processes: Processes, dir: string): Promise<PartResults>;
};

/**
 * The items in another order for each turn: each comes first as often as any other, and before each
 * other as often as after it. Whoever follows one that uses the same processes finds them warm.
 */
export function inTurn<Item>(items: readonly Item[], turn: number): Item[] {
  const start = Math.floor(turn / 2) % items.length;
  const rotated = [...items.slice(start), ...items.slice(0, start)];
  return turn % 2 === 0 ? rotated : rotated.reverse();
}
