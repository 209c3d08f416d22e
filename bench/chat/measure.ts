import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { SentenceError } from "../../scripts/sentence.ts";
import { cpuSeconds, processTree, residentBytes } from "../process-tree.ts";
import { quantile } from "../statistics.ts";
import type { ChatContender } from "./contenders/contender.ts";
import { type ChatRowId, ROOM_SIZES } from "./rows.ts";
import { Wire } from "./wire.ts";

/** How much of each a round does. */
export type ChatSizes = {
  /** How many come in, and do nothing, for the memory that each of them takes. */
  idleMembers: number;
  /** After so long what their coming sets off is over: presence, timers, garbage. */
  settledMs: number;
  /** Of a room of one member, so many one after the other. */
  bursts: number;
  /** What each member says, at most, of those who say anything while as much as possible is said. */
  messagesOfOne: number;
  messagesOfOneTo200: number;
  /**
   * How long messages are sent at a fixed rate: over more than a cycle of the garbage collector, whose
   * full collections come every 4 to 12 s and decide about the slowest hundredth.
   */
  steadyMs: number;
  /** Each measure is taken once a round. */
  onePass: boolean;
};

export const FULL_CHAT_SIZES: ChatSizes = {
  idleMembers: 200,
  settledMs: 1_500,
  bursts: 20,
  messagesOfOne: 100,
  messagesOfOneTo200: 50,
  steadyMs: 12_000,
  onePass: false,
};

/** Enough to see that every row comes out. */
export const QUICK_CHAT_SIZES: ChatSizes = {
  idleMembers: 50,
  settledMs: 300,
  bursts: 2,
  messagesOfOne: 20,
  messagesOfOneTo200: 5,
  steadyMs: 500,
  onePass: true,
};

/**
 * What is said as fast as it goes: by so many members at most, each with so many of its messages on
 * their way. What one says in all stays below what Porthole allows a person at once (CHAT_BURST).
 */
const SENDERS = 20;
const IN_FLIGHT = 4;
/** The one member of a room has as many on their way as all of a larger room. */
const IN_FLIGHT_ALONE = 16;

/** What all contenders can carry: messages a second in a room of so many, said in turn. */
export const STEADY_MEMBERS = 20;
export const STEADY_PER_S = 200;
/** Messages are said so long before any of them counts. */
const STEADY_WARM_UP_MS = 500;

/** How long all that was said may take to arrive. */
const ARRIVAL_MS = 60_000;

/** How many come in at once. */
const ENTRIES_AT_ONCE = 10;

const BYTES_PER_KB = 1_000;

export type ChatValues = Partial<Record<ChatRowId, number>>;
export type ChatMeasure = (contender: ChatContender, sizes: ChatSizes) => Promise<ChatValues>;

/** In their order within a round; memory comes first, while the processes are fresh. */
export const CHAT_MEASURES: readonly { measure: ChatMeasure; passes: number }[] = [
  { measure: measureMemory, passes: 1 },
  ...ROOM_SIZES.map(({ members, row }) => ({
    measure: (async (contender, sizes) => {
      const { perS, times } = await measureRate(contender, sizes, members);
      if (members !== STEADY_MEMBERS) return { [row]: perS };
      const [p50, p99] = [quantile(times, 0.5), quantile(times, 0.99)];
      return { [row]: perS, loaded_p50_ms: p50, loaded_p99_ms: p99 };
    }) as ChatMeasure,
    passes: members === STEADY_MEMBERS ? 2 : 1,
  })),
  { measure: measureReceipt, passes: 1 },
];

/** Lends a new room with so many members in it. */
export async function withRoom<Result>(
  contender: ChatContender,
  members: number,
  use: (wires: readonly Wire[]) => Promise<Result>,
): Promise<Result> {
  const addresses = await contender.room(members);
  const wires: Wire[] = [];
  try {
    for (let next = 0; next < members; next += ENTRIES_AT_ONCE) {
      const some = addresses.slice(next, next + ENTRIES_AT_ONCE);
      const entries = some.map((address) => Wire.enter(address, contender.dialect));
      wires.push(...(await Promise.all(entries)));
    }
    return await use(wires);
  } finally {
    await Promise.all(wires.map((wire) => wire.leave()));
  }
}

/** By how much the contender's processes grow with each member that is there and does nothing. */
async function measureMemory(contender: ChatContender, sizes: ChatSizes): Promise<ChatValues> {
  const { idleMembers, settledMs } = sizes;
  await withRoom(contender, STEADY_MEMBERS, () => sleep(settledMs)); // what the first ones cost
  const before = residentBytes(processTree(contender.roots));
  return withRoom(contender, idleMembers, async () => {
    await sleep(settledMs);
    const after = residentBytes(processTree(contender.roots));
    return { member_kb: (after - before) / idleMembers / BYTES_PER_KB };
  });
}

/** Messages a second that all members get, and their times in ms, when as many are sent as get through. */
async function measureRate(
  contender: ChatContender,
  sizes: ChatSizes,
  members: number,
): Promise<Saturated> {
  if (members > 1) {
    const each = members > SENDERS ? sizes.messagesOfOneTo200 : sizes.messagesOfOne;
    return withRoom(contender, members, (wires) => saturate(wires, each, IN_FLIGHT));
  }
  const rates: number[] = [];
  for (let burst = 0; burst < sizes.bursts; burst++) {
    const { perS } = await withRoom(contender, 1, (wires) =>
      saturate(wires, sizes.messagesOfOne, IN_FLIGHT_ALONE),
    );
    rates.push(perS);
  }
  return { perS: quantile(rates, 0.5), times: [] };
}

/** `times`: from send to another member's receipt, in ms. */
type Saturated = { perS: number; times: number[] };

/**
 * Has members say so much each, a message more whenever they get one of their own.
 * @returns messages a second, until all have all
 */
async function saturate(
  wires: readonly Wire[],
  each: number,
  inFlight: number,
): Promise<Saturated> {
  const senders = wires.slice(0, SENDERS);
  const total = senders.length * each;
  const arrivals = new Arrivals(wires, total * wires.length);
  const left = senders.map(() => each);
  const sayNext = (sender: number) => {
    const more = left[sender] ?? 0;
    if (more === 0) return;
    left[sender] = more - 1;
    wires[sender]?.say(sender);
  };
  const times: number[] = [];
  for (const [place, wire] of wires.entries()) {
    wire.onMessage = (sender, sentAt) => {
      arrivals.count();
      if (sender === place) sayNext(sender);
      else times.push(performance.now() - sentAt);
    };
  }
  const startedAt = performance.now();
  for (const sender of senders.keys()) {
    for (let n = 0; n < inFlight; n++) sayNext(sender);
  }
  await arrivals.all;
  return { perS: total / ((performance.now() - startedAt) / 1000), times };
}

/** From a member's sending to another one's receipt, at a rate that all contenders carry. */
function measureReceipt(contender: ChatContender, sizes: ChatSizes): Promise<ChatValues> {
  return withRoom(contender, STEADY_MEMBERS, async (wires) => {
    let cpuBefore = 0;
    const { receipts, messages } = await saySteadily(wires, sizes.steadyMs, () => {
      cpuBefore = cpuSeconds(contender.roots);
    });
    const times = receipts.map(({ took }) => took);
    return {
      receipt_p50_ms: quantile(times, 0.5),
      receipt_p99_ms: quantile(times, 0.99),
      cpu_ms: ((cpuSeconds(contender.roots) - cpuBefore) * 1000) / messages,
    };
  });
}

/** When a message was sent, as `performance.now()` has it, and after how many ms a member had it. */
export type Receipt = { sentAt: number; took: number };

/**
 * Has members say messages in turn, so many a second, and waits until all have them.
 * @param onWarm hears when the first of those is said that count
 * @returns how many count, and each receipt of them by another member
 */
export async function saySteadily(
  wires: readonly Wire[],
  steadyMs: number,
  onWarm: () => void = () => {},
): Promise<{ messages: number; receipts: Receipt[] }> {
  const everyMs = 1000 / STEADY_PER_S;
  const warmUp = Math.round(STEADY_WARM_UP_MS / everyMs);
  const messages = Math.round(steadyMs / everyMs);
  const total = warmUp + messages;
  const receipts: Receipt[] = [];
  const arrivals = new Arrivals(wires, total * wires.length);
  const startedAt = performance.now();
  for (const [place, wire] of wires.entries()) {
    wire.onMessage = (sender, sentAt) => {
      arrivals.count();
      const counts = sender !== place && sentAt - startedAt >= STEADY_WARM_UP_MS;
      if (counts) receipts.push({ sentAt, took: performance.now() - sentAt });
    };
  }
  for (let said = 0; said < total; ) {
    const due = Math.min(total, Math.floor((performance.now() - startedAt) / everyMs) + 1);
    for (; said < due; said++) {
      if (said === warmUp) onWarm();
      const sender = said % wires.length;
      wires[sender]?.say(sender);
    }
    await sleep(1);
  }
  await arrivals.all;
  return { messages, receipts };
}

/** Counts what all members together get. */
class Arrivals {
  readonly all: Promise<void>;
  readonly #expected: number;
  #came = 0;
  #done: () => void = () => {};

  constructor(wires: readonly Wire[], expected: number) {
    this.#expected = expected;
    this.all = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const seconds = ARRIVAL_MS / 1000;
        reject(
          new SentenceError(`${this.#came} of ${expected} messages had come after ${seconds} s.`),
        );
      }, ARRIVAL_MS);
      this.#done = () => {
        clearTimeout(timer);
        resolve();
      };
      for (const wire of wires) {
        wire.onLost = (error) => {
          clearTimeout(timer);
          reject(error);
        };
      }
    });
  }

  count(): void {
    if (++this.#came === this.#expected) this.#done();
  }
}
