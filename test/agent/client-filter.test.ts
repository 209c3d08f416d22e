import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { ClientFilter, type Rights } from "../../agent/rfb/client-filter.ts";
import { MAX_CLIPBOARD_BYTES } from "../../protocol/limits.ts";
import {
  cutText,
  enableContinuousUpdates,
  extendedCutText,
  fence,
  keyEvent,
  PSEUDO,
  pointerEvent,
  qemuKeyEvent,
  setDesktopSize,
  setEncodings,
  setPixelFormat,
  updateRequest,
  xvp,
} from "../support/client-messages.ts";
import { chunksOf, forbidden, mutatedStream, Random } from "../support/client-streams.ts";
import {
  DROPPED,
  ENDING,
  forbiddenTo,
  PARTIES,
  type Party,
  splits,
} from "../support/forbidden-messages.ts";

const CONTROL: Rights = { role: "control", clipboard: "both", control: "shared" };
const EXCLUSIVE: Rights = { ...CONTROL, control: "exclusive" };
const VIEW: Rights = { ...CONTROL, role: "view" };
const TO_HOST: Rights = { ...CONTROL, clipboard: "to_host" };
const NO_CLIPBOARD: Rights = { ...CONTROL, clipboard: "none" };
const ALL_RIGHTS = [CONTROL, EXCLUSIVE, VIEW, TO_HOST, NO_CLIPBOARD];

const ENCODINGS = [16, 7, 5, 0, ...Object.values(PSEUDO)];
const WATCHING = [
  setPixelFormat(32, false, [8, 8, 8], [16, 8, 0]),
  setEncodings(16, 0, PSEUDO.fence, PSEUDO.continuousUpdates, PSEUDO.desktopSize),
  updateRequest(true),
  updateRequest(false),
  enableContinuousUpdates,
  fence(Buffer.alloc(0)),
  fence(Buffer.from("0123456789")),
];
const CONTROLLING = [
  keyEvent(true, 0x61),
  keyEvent(false, 0x61),
  pointerEvent(1, 300, 200),
  pointerEvent(0, 300, 200),
  qemuKeyEvent(true, 0x61, 0x1e),
  qemuKeyEvent(false, 0x61, 0x1e),
  xvp,
  setDesktopSize(2),
  setDesktopSize(0),
];
const PASTING = [cutText(""), cutText("hello"), cutText("x".repeat(70_000))];
const EXTENDED = [
  setEncodings(...ENCODINGS),
  extendedCutText(0x02000001),
  extendedCutText(0x10000001, Buffer.from("data")),
];

/** What reaches the server of messages that come in these chunks. */
function passed(rights: Rights, chunks: readonly Buffer[]): Buffer {
  const filter = new ClientFilter(rights);
  return Buffer.concat(chunks.flatMap((chunk) => filter.push(Buffer.from(chunk))));
}

describe("the filter, split at every byte,", () => {
  it("lets a viewer who only watches say all that watching needs, unchanged", () => {
    const sent = Buffer.concat(WATCHING);
    for (const chunks of splits(sent)) expect(passed(VIEW, chunks).equals(sent)).toBe(true);
  });

  it("lets nothing through that is more than watching", () => {
    const mixed = [...CONTROLLING, cutText("hello")];
    const sent = Buffer.concat([
      setEncodings(...ENCODINGS),
      ...mixed.flatMap((message) => [message, updateRequest(true)]),
    ]);
    const wanted = Buffer.concat([
      setEncodings(16, 7, 5, 0, PSEUDO.fence, PSEUDO.continuousUpdates, PSEUDO.desktopSize),
      ...mixed.map(() => updateRequest(true)),
    ]);
    for (const chunks of splits(sent)) expect(passed(VIEW, chunks).equals(wanted)).toBe(true);
  });

  it("lets a viewer in control say all, unchanged", () => {
    const sent = Buffer.concat([...WATCHING, ...CONTROLLING, cutText("hello"), ...EXTENDED]);
    for (const chunks of splits(sent)) expect(passed(CONTROL, chunks).equals(sent)).toBe(true);
  });

  it("knows a PointerEvent of extended buttons by its mask, once those were offered", () => {
    const extended = Buffer.from([5, 0x81, 0, 9, 0, 9, 1]);
    const sent = Buffer.concat([setEncodings(PSEUDO.extendedMouseButtons), extended, xvp]);
    for (const chunks of splits(sent)) expect(passed(CONTROL, chunks).equals(sent)).toBe(true);
  });

  it("takes the same PointerEvent for one of 6 bytes where they were never offered", () => {
    // The byte that would be the seventh is then the type of the next message.
    const sent = Buffer.concat([pointerEvent(0x81, 9, 9), updateRequest(true)]);
    for (const chunks of splits(sent)) expect(passed(CONTROL, chunks).equals(sent)).toBe(true);
  });
});

describe.each(Object.keys(PARTIES) as Party[])("of a viewer %s the filter", (party) => {
  const rights = PARTIES[party];

  it("drops each message that may not be said, split at every byte, and nothing else", () => {
    const parts = forbiddenTo(party, DROPPED).flatMap(({ bytes }) => splits(bytes));
    for (const chunks of parts) {
      const heard = passed(rights, [...chunks, updateRequest(true)]);
      expect(heard.equals(updateRequest(true))).toBe(true);
    }
  });

  it("ends at each message that is never said, split at every byte, with nothing of it passed", () => {
    for (const { message, bytes, reason } of forbiddenTo(party, ENDING)) {
      for (const chunks of splits(bytes)) {
        const filter = new ClientFilter(rights);
        filter.push(setEncodings(...ENCODINGS));
        const heard: Buffer[] = [];
        const push = () => {
          for (const chunk of chunks) heard.push(...filter.push(Buffer.from(chunk)));
        };
        expect(push, message).toThrow(`A message of your viewer ${reason}.`);
        expect(heard, message).toEqual([]);
      }
    }
  });
});

describe("the filter", () => {
  it("does not copy what comes whole and passes", () => {
    const chunk = Buffer.concat([...WATCHING, ...CONTROLLING]);
    const out = new ClientFilter(CONTROL).push(chunk);
    expect(out).toHaveLength(1);
    expect([out[0]?.buffer, out[0]?.byteOffset]).toEqual([chunk.buffer, chunk.byteOffset]);
  });

  it("hands nothing of a message on before it is whole", () => {
    const filter = new ClientFilter(CONTROL);
    const message = cutText("x".repeat(1000));
    expect(filter.push(message.subarray(0, 900))).toEqual([]);
    expect(Buffer.concat(filter.push(message.subarray(900))).equals(message)).toBe(true);
  });

  it.each([
    ["both", PASTING],
    ["to_host", PASTING],
    ["none", []],
  ] as const)("with the clipboard %s lets through what that allows", (clipboard, plain) => {
    const heard = passed({ ...CONTROL, clipboard }, [...PASTING, updateRequest(true)]);
    expect(heard.equals(Buffer.concat([...plain, updateRequest(true)]))).toBe(true);
  });

  it.each([VIEW, EXCLUSIVE, TO_HOST, NO_CLIPBOARD])(
    "offers nothing that servers read by lengths of their own to %j",
    (rights) => {
      const encodings = passed(rights, [setEncodings(...ENCODINGS)]);
      for (const unsure of [
        PSEUDO.extendedMouseButtons,
        PSEUDO.extendedClipboard,
        PSEUDO.extendedDesktopSize,
      ]) {
        expect(encodings.includes(setEncodings(unsure).subarray(4))).toBe(false);
      }
      expect(passed(rights, [setDesktopSize(1)])).toHaveLength(0);
      const filter = new ClientFilter(rights);
      filter.push(setEncodings(...ENCODINGS));
      expect(() => filter.push(extendedCutText(0x08000000))).toThrow("has a clipboard of");
    },
  );

  it("offers to a server what noVNC lists to anybody, but for what needs more rights", () => {
    const lossless = [0, 1, 2, 5, 6, 7, 16, -260, 21, 50];
    const pictures = [...lossless, -23, -32, -247, -256, -223, -224, -239, -261, -307, 0x574d5664];
    const list = setEncodings(...pictures, PSEUDO.fence, PSEUDO.continuousUpdates);
    for (const rights of ALL_RIGHTS) expect(passed(rights, [list]).equals(list)).toBe(true);
  });

  it("does not say the same encodings twice, which cost more than they take to send", () => {
    const list = setEncodings(...ENCODINGS);
    const other = setEncodings(0);
    const heard = passed(CONTROL, [list, list, other, other, list]);
    expect(heard.equals(Buffer.concat([list, other, list]))).toBe(true);
  });

  it("skips a clipboard over 256 KiB, and goes on behind it", () => {
    const largest = cutText("x".repeat(MAX_CLIPBOARD_BYTES));
    const larger = cutText("x".repeat(MAX_CLIPBOARD_BYTES + 1));
    const heard = passed(CONTROL, [largest, larger, keyEvent(true, 0x61)]);
    expect(heard.equals(Buffer.concat([largest, keyEvent(true, 0x61)]))).toBe(true);
  });

  it.each([0x7fffffff, 0x80000000, 0x80000001, 0xf0000000])(
    "holds nothing of a clipboard that claims %i bytes",
    (length) => {
      const isNegative = length >= 0x80000000;
      for (const rights of isNegative ? [CONTROL] : ALL_RIGHTS) {
        const filter = new ClientFilter(rights);
        filter.push(setEncodings(...ENCODINGS));
        const before = process.memoryUsage().arrayBuffers;
        const out = filter.push(cutText(Buffer.alloc(1000), length));
        const more = Array.from({ length: 64 }, () =>
          filter.push(Buffer.alloc(1024 * 1024)),
        ).flat();
        expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(80 * 1024 * 1024);
        expect([...out, ...more]).toHaveLength(0);
      }
    },
  );

  it("refuses a negative length from a client that never offered the extended clipboard", () => {
    const filter = new ClientFilter(CONTROL);
    expect(() => filter.push(extendedCutText(1))).toThrow(
      "A message of your viewer has a clipboard of 4294967292 bytes.",
    );
  });

  it.each([
    [[1, 0, 0], "has the type 1, which is not known here"],
    [[252, 0, 0], "has the type 252, which is not known here"],
    [[255, 1, 0, 0], "has the type 255/1, which does not pass here"],
    [[255, 2], "has the type 255/2, which does not pass here"],
    [[2, 0, 4, 1], "lists 1025 encodings"],
    [[248, 0, 0, 0, 0, 0, 0, 0, 65], "has a fence of 65 bytes"],
  ])("refuses %j with the reason", (bytes, reason) => {
    for (const rights of ALL_RIGHTS) {
      expect(() => new ClientFilter(rights).push(Buffer.from(bytes))).toThrow(
        `A message of your viewer ${reason}.`,
      );
    }
  });

  it("makes whole pictures incremental for a watching viewer that asks too often", () => {
    let now = 0;
    const filter = new ClientFilter(VIEW, () => now);
    const ask = () => Buffer.concat(filter.push(updateRequest(false)))[1];
    expect(Array.from({ length: 12 }, ask)).toEqual([...Array(10).fill(0), 1, 1]);
    now += 1000;
    expect(Array.from({ length: 3 }, ask)).toEqual([0, 0, 1]);
    now += 3_600_000;
    expect(Array.from({ length: 11 }, ask)).toEqual([...Array(10).fill(0), 1]);
  });
});

describe("control that is taken away", () => {
  it("releases the keys and buttons that are held, and lets no more through", () => {
    const filter = new ClientFilter(EXCLUSIVE);
    filter.push(
      Buffer.concat([
        keyEvent(true, 0xffe1),
        keyEvent(true, 0x61),
        keyEvent(false, 0x61),
        qemuKeyEvent(true, 0xffe3, 0x1d),
        pointerEvent(5, 300, 200),
      ]),
    );
    expect(Buffer.concat(filter.setRole("view"))).toEqual(
      Buffer.concat([
        keyEvent(false, 0xffe1),
        qemuKeyEvent(false, 0xffe3, 0x1d),
        pointerEvent(0, 300, 200),
      ]),
    );
    expect(filter.push(keyEvent(false, 0xffe1))).toEqual([]);
    expect(filter.setRole("control")).toEqual([]);
    expect(filter.setRole("view")).toEqual([]);
  });

  it("takes the encodings away that go with it, and gives them back", () => {
    const filter = new ClientFilter(EXCLUSIVE);
    filter.push(setEncodings(...ENCODINGS));
    const always = [16, 7, 5, 0, PSEUDO.fence, PSEUDO.continuousUpdates, PSEUDO.desktopSize];
    const watching = setEncodings(...always);
    expect(Buffer.concat(filter.setRole("view")).equals(watching)).toBe(true);
    const inControl: number[] = [...always, PSEUDO.qemuKey, PSEUDO.xvp];
    const all = ENCODINGS.filter((encoding) => inControl.includes(encoding));
    expect(Buffer.concat(filter.setRole("control")).equals(setEncodings(...all))).toBe(true);
  });

  it("in the middle of a message leaves the server at the beginning of one", () => {
    for (const message of [cutText("x".repeat(50)), keyEvent(true, 0x61), fence(Buffer.alloc(9))]) {
      for (let cut = 1; cut < message.length; cut++) {
        const filter = new ClientFilter(EXCLUSIVE);
        const heard = [
          ...filter.push(Buffer.from(message.subarray(0, cut))),
          ...filter.setRole("view"),
          ...filter.push(Buffer.from(message.subarray(cut))),
          ...filter.push(updateRequest(true)),
        ];
        const passes = message[0] === 248 ? [message] : [];
        expect(Buffer.concat(heard)).toEqual(Buffer.concat([...passes, updateRequest(true)]));
      }
    }
  });

  it("leaves no key down of one who holds more than anybody can, and lets them type on", () => {
    const filter = new ClientFilter(EXCLUSIVE);
    const pressed = Array.from({ length: 500 }, (_, n) => keyEvent(true, 0x100 + n));
    const heard = Buffer.concat([
      ...filter.push(Buffer.concat(pressed)),
      ...filter.setRole("view"),
    ]);
    const down = new Set<number>();
    for (let at = 0; at < heard.length; at += 8) {
      const keysym = heard.readUInt32BE(at + 4);
      if (heard[at + 1]) down.add(keysym);
      else down.delete(keysym);
    }
    expect(heard.length).toBe(2 * 500 * 8);
    expect(down.size).toBe(0);
  });

  it("tells a key by its keysym from one by its code, though the numbers are the same", () => {
    const filter = new ClientFilter(EXCLUSIVE);
    filter.push(Buffer.concat([keyEvent(true, 0x2a), qemuKeyEvent(true, 0xffe1, 0x2a)]));
    filter.push(keyEvent(false, 0x2a));
    expect(filter.setRole("view")).toEqual([qemuKeyEvent(false, 0xffe1, 0x2a)]);
  });

  it("cannot be taken where the stream was opened without limits", () => {
    expect(new ClientFilter(CONTROL).roleCanChange).toBe(false);
    for (const rights of [EXCLUSIVE, VIEW, TO_HOST, NO_CLIPBOARD]) {
      expect(new ClientFilter(rights).roleCanChange).toBe(true);
    }
  });
});

/** A long run: FUZZ_STREAMS=1000000 npm test -- test/agent/client-filter.test.ts */
const STREAMS = Number(process.env.FUZZ_STREAMS ?? 20_000);

/** A run of the tests is a second; a long one may take its time. */
const RUN_MS = 60_000 + STREAMS;

/** What the test runner itself keeps; a hundred bytes kept of each stream would be more. */
const MAX_GROWTH_BYTES = 1_000_000;

/** What is in use once the garbage is gone. */
function memoryInUse(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe("what a generator of broken client streams says", () => {
  it(
    `reaches the server only as far as each role may, ${STREAMS} times`,
    () => {
      let refused = 0;
      let early = 0;
      for (let seed = 0; seed < STREAMS; seed++) {
        if (seed === STREAMS / 10) early = memoryInUse();
        const random = new Random(seed);
        const rights = random.pick(ALL_RIGHTS as [Rights, ...Rights[]]);
        const filter = new ClientFilter(rights);
        const heard: Buffer[] = [];
        try {
          for (const chunk of chunksOf(mutatedStream(random), random))
            heard.push(...filter.push(chunk));
        } catch (error) {
          if (!(error instanceof Error) || error.name === "RangeError") throw error;
          refused++;
        }
        const found = forbidden(Buffer.concat(heard), rights);
        if (found !== null) throw new Error(`seed ${seed}, ${JSON.stringify(rights)}: ${found}`);
      }
      expect(refused).toBeGreaterThan(STREAMS / 20);
      expect(refused).toBeLessThan(STREAMS);
      expect(memoryInUse() - early).toBeLessThan(MAX_GROWTH_BYTES);
    },
    RUN_MS,
  );

  it(
    `never passes a forbidden byte while the role changes, ${STREAMS} times`,
    () => {
      for (let seed = 0; seed < STREAMS; seed++) {
        const random = new Random(seed);
        const filter = new ClientFilter(EXCLUSIVE);
        let heard: Buffer[] = [];
        let role: Rights["role"] = "control";
        try {
          for (const chunk of chunksOf(mutatedStream(random), random)) {
            heard.push(...filter.push(chunk));
            if (random.below(3) > 0) continue;
            const found = forbidden(Buffer.concat(heard), { ...EXCLUSIVE, role });
            if (found !== null) throw new Error(`seed ${seed} as ${role}: ${found}`);
            heard = [];
            role = role === "control" ? "view" : "control";
            // What is said at the change is the filter's own: releases, which need control.
            const told = forbidden(Buffer.concat(filter.setRole(role)), EXCLUSIVE);
            if (told !== null) throw new Error(`seed ${seed}, told: ${told}`);
          }
        } catch (error) {
          if (!(error as Error).message.startsWith("A message of your viewer")) throw error;
        }
      }
    },
    RUN_MS,
  );
});
