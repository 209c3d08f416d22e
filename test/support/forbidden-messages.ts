import type { Rights } from "../../agent/rfb/client-filter.ts";
import {
  cutText,
  extendedCutText,
  fence,
  keyEvent,
  PSEUDO,
  pointerEvent,
  qemuKeyEvent,
  setDesktopSize,
  setEncodings,
} from "./client-messages.ts";

/** What each viewer may do whom the gate holds back, and one whom it does not. */
export const PARTIES = {
  "who watches": { role: "view", clipboard: "both", control: "shared" },
  "in control without a clipboard": { role: "control", clipboard: "none", control: "shared" },
  "in control with a clipboard to the host": {
    role: "control",
    clipboard: "to_host",
    control: "shared",
  },
  "in control that can be taken away": { role: "control", clipboard: "both", control: "exclusive" },
  "in control without limits": { role: "control", clipboard: "both", control: "shared" },
} as const satisfies Record<string, Rights>;
export type Party = keyof typeof PARTIES;

const EVERYBODY = Object.keys(PARTIES) as Party[];
const WATCHING: Party[] = ["who watches"];
const LIMITED = EVERYBODY.filter((party) => party !== "in control without limits");

/** A message, and who must not be heard to say it. */
type Forbidden = { message: string; bytes: Buffer; to: Party[] };

/** rfbproto: the flags of an extended clipboard's actions; 1 is text. */
const CLIPBOARD_ACTIONS = {
  caps: 0x01000001,
  request: 0x02000001,
  peek: 0x04000000,
  notify: 0x08000001,
  provide: 0x10000001,
};

/** What the gate drops: the stream goes on. */
export const DROPPED: Forbidden[] = [
  { message: "a key that goes down", bytes: keyEvent(true, 0x61), to: WATCHING },
  { message: "a key that goes up", bytes: keyEvent(false, 0xffe1), to: WATCHING },
  { message: "a QEMU key that goes down", bytes: qemuKeyEvent(true, 0x61, 0x1e), to: WATCHING },
  { message: "a QEMU key that goes up", bytes: qemuKeyEvent(false, 0x61, 0x1e), to: WATCHING },
  { message: "a pointer that moves", bytes: pointerEvent(0, 300, 200), to: WATCHING },
  { message: "every button", bytes: pointerEvent(0xff, 3, 4), to: WATCHING },
  ...[1, 2, 3, 4].map((operation) => ({
    message: `xvp's operation ${operation}`,
    bytes: Buffer.from([250, 0, 1, operation]),
    to: WATCHING,
  })),
  ...["", "x", "pasted"].map((text) => ({
    message: `the clipboard "${text}"`,
    bytes: cutText(text),
    to: [...WATCHING, "in control without a clipboard"] as Party[],
  })),
  ...[0, 1, 3].map((screens) => ({
    message: `a desktop of ${screens} screens`,
    bytes: setDesktopSize(screens),
    to: LIMITED,
  })),
];

/** Encodings that ask for what a viewer lacks: taken out of its list. */
export const ENCODINGS: { encoding: number; to: Party[] }[] = [
  { encoding: PSEUDO.extendedMouseButtons, to: LIMITED },
  { encoding: PSEUDO.extendedClipboard, to: LIMITED },
  { encoding: PSEUDO.extendedDesktopSize, to: LIMITED },
  { encoding: PSEUDO.qemuKey, to: WATCHING },
  { encoding: PSEUDO.xvp, to: WATCHING },
  // What these make of a client's messages the gate does not know: GII, and nobody's.
  ...[-305, -257, -9999, 1100].map((encoding) => ({ encoding, to: LIMITED })),
];

/**
 * Types that some VNC server gives a meaning: the colours of RFC 6143's ancestors; UltraVNC's file
 * transfer, scale, input for the server, single window, chat and key frame; PalmVNC's scale; VMware;
 * TightVNC's files; OpenVMS and GII.
 */
export const MEANT_TYPES: readonly number[] = [1, 7, 8, 9, 10, 11, 12, 15, 127, 130, 252, 253];

/** RFC 6143, 7.5, and rfbproto: the types of the messages that pass for some. */
const KNOWN_TYPES = [0, 2, 3, 4, 5, 6, 150, 248, 250, 251, 255];
export const isKnown = (type: number): boolean => KNOWN_TYPES.includes(type);

/** What ends the stream, in whatever part of it is enough to tell; of a viewer that has listed every encoding that it needs for it. */
export const ENDING: (Forbidden & { reason: string })[] = [
  ...Array.from({ length: 256 }, (_, type) => type)
    .filter((type) => !isKnown(type))
    .map((type) => ({
      message: `the type ${type}`,
      bytes: Buffer.from([type]),
      reason: `has the type ${type}, which is not known here`,
      to: EVERYBODY,
    })),
  // Its operations are 0 to 2; what QEMU does with the other types is not known here either.
  ...[
    [1, 0, 0],
    [1, 0, 1],
    [1, 0, 2, 3, 2, 0, 0, 172, 68],
    [2, 0, 0],
    [255, 0, 0],
  ].map((rest) => ({
    message: `QEMU's message ${rest}`,
    bytes: Buffer.from([255, ...rest]),
    reason: `has the type 255/${rest[0]}, which does not pass here`,
    to: EVERYBODY,
  })),
  ...Object.entries(CLIPBOARD_ACTIONS).flatMap(([action, flags]) =>
    [Buffer.alloc(0), Buffer.from("data")].map((data) => ({
      message: `an extended clipboard's ${action} and ${data.length} bytes`,
      bytes: extendedCutText(flags, data),
      reason: `has a clipboard of ${2 ** 32 - 4 - data.length} bytes`,
      to: LIMITED,
    })),
  ),
  {
    // Whoever controls may say the first six bytes: they are a pointer's, to a server too.
    message: "a pointer of more buttons than were agreed on",
    bytes: Buffer.from([5, 0x81, 0, 9, 0, 9, 1]),
    reason: "has the type 1, which is not known here",
    to: WATCHING,
  },
  {
    message: "a fence of 65 bytes",
    bytes: fence(Buffer.alloc(65)),
    reason: "has a fence of 65 bytes",
    to: EVERYBODY,
  },
  {
    message: "a list of 1,025 encodings",
    bytes: setEncodings(...Array(1025).fill(0)).subarray(0, 20),
    reason: "lists 1025 encodings",
    to: EVERYBODY,
  },
];

export const forbiddenTo = <Item extends { to: Party[] }>(party: Party, all: Item[]): Item[] =>
  all.filter(({ to }) => to.includes(party));

/** A message in two parts, cut behind each of its bytes in turn; then byte by byte; then whole. */
export function splits(bytes: Buffer): Buffer[][] {
  const single = Array.from(bytes, (byte) => Buffer.from([byte]));
  const inTwo = single.slice(1).map((_, n) => [bytes.subarray(0, n + 1), bytes.subarray(n + 1)]);
  return [...inTwo, single, [bytes]];
}
