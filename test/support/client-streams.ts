import type { Rights } from "../../agent/rfb/client-filter.ts";
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
} from "./client-messages.ts";

/** Numbers from a seed: the same on every run, so that what they find can be found again. */
export class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
  }

  /** From 0 up to `below`, without it. Marsaglia's xorshift32. */
  below(below: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % below;
  }

  pick<Item>(items: readonly [Item, ...Item[]]): Item {
    return items[this.below(items.length)] ?? items[0];
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)));
  }
}

/** A well-formed message, of any kind that a viewer sends. */
function anyMessage(random: Random): Buffer {
  const small = () => random.below(65_536);
  return random.pick<() => Buffer>([
    () => setPixelFormat(32, false, [8, 8, 8], [16, 8, 0]),
    () => setEncodings(...someEncodings(random)),
    () => updateRequest(random.below(2) === 1),
    () => keyEvent(random.below(2) === 1, random.below(65_536)),
    () => pointerEvent(random.below(256), small(), small()),
    () => cutText(random.bytes(random.below(300))),
    () => extendedCutText(random.below(2 ** 31), random.bytes(random.below(300))),
    () => enableContinuousUpdates,
    () => fence(random.bytes(random.below(65))),
    () => xvp,
    () => setDesktopSize(random.below(4)),
    () => qemuKeyEvent(random.below(2) === 1, small(), small()),
  ])();
}

function someEncodings(random: Random): number[] {
  const all = [0, 1, 5, 7, 16, -239, ...Object.values(PSEUDO)];
  return all.filter(() => random.below(3) > 0);
}

/** What a viewer might say, then broken: bytes changed, cut out, put in, and lengths that lie. */
export function mutatedStream(random: Random): Buffer {
  const messages = Array.from({ length: 1 + random.below(8) }, () => anyMessage(random));
  let bytes: Buffer = Buffer.concat(messages);
  for (let n = random.below(4); n > 0 && bytes.length > 0; n--) {
    const at = random.below(bytes.length);
    const count = random.below(9);
    bytes = random.pick<() => Buffer>([
      () => {
        bytes[at] = random.below(256);
        return bytes;
      },
      () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + count)]),
      () => Buffer.concat([bytes.subarray(0, at), random.bytes(count), bytes.subarray(at)]),
      () => {
        if (at + 4 <= bytes.length) bytes.writeUInt32BE(random.pick(LENGTHS), at);
        return bytes;
      },
    ])();
  }
  return bytes;
}

const LENGTHS: readonly [number, ...number[]] = [
  0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffc, 0x00040000, 0x00040001, 0,
];

/** Cuts bytes into chunks, so that a message is split anywhere. */
export function* chunksOf(bytes: Buffer, random: Random): Generator<Buffer> {
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + random.below(random.pick([1, 3, 20, 4096]));
    // A copy, as each message of a socket is a buffer of its own: the filter may change it.
    yield Buffer.from(bytes.subarray(at, at + size));
    at += size;
  }
}

/**
 * Reads what reached the server as the server would, by its own means.
 * @returns what of it may not be there under these rights; null if all is well
 */
export function forbidden(bytes: Buffer, { role, clipboard, control }: Rights): string | null {
  const controls = role === "control";
  const unlimited = controls && clipboard === "both" && control === "shared";
  let offered = false;
  for (let at = 0; at < bytes.length; ) {
    const type = bytes.readUInt8(at);
    const left = bytes.length - at;
    let length: number;
    switch (type) {
      case 0:
        length = 20;
        break;
      case 2: {
        if (left < 4) return "a cut SetEncodings";
        const count = bytes.readUInt16BE(at + 2);
        length = 4 + 4 * count;
        offered = false;
        for (let n = 0; n < count && at + 8 + 4 * n <= bytes.length; n++) {
          const encoding = bytes.readInt32BE(at + 4 + 4 * n);
          if (encoding === PSEUDO.extendedMouseButtons) {
            if (!unlimited) return "extended mouse buttons";
            offered = true;
          }
          // To servers these make messages of lengths that they do not agree on.
          const unsure = [PSEUDO.extendedClipboard, PSEUDO.extendedDesktopSize] as number[];
          if (!unlimited && unsure.includes(encoding)) return `the encoding ${encoding}`;
          const needsControl = [PSEUDO.qemuKey, PSEUDO.xvp] as number[];
          if (!controls && needsControl.includes(encoding)) return `the encoding ${encoding}`;
        }
        break;
      }
      case 3:
      case 150:
        length = 10;
        break;
      case 4:
        if (!controls) return "a KeyEvent";
        length = 8;
        break;
      case 5:
        if (!controls) return "a PointerEvent";
        length = offered && (bytes[at + 1] ?? 0) & 0x80 ? 7 : 6;
        break;
      case 6: {
        if (!controls || clipboard === "none") return "a ClientCutText";
        if (left < 8) return "a cut ClientCutText";
        const size = bytes.readInt32BE(at + 4);
        if (size < 0 && !unlimited) return "an extended ClientCutText";
        if (Math.abs(size) > 256 * 1024) return "a ClientCutText over 256 KiB";
        length = 8 + Math.abs(size);
        break;
      }
      case 248:
        if (left < 9) return "a cut fence";
        length = 9 + bytes.readUInt8(at + 8);
        if (length > 9 + 64) return "a fence over 64 bytes";
        break;
      case 250:
        if (!controls) return "an xvp message";
        length = 4;
        break;
      case 251:
        if (!unlimited) return "a SetDesktopSize";
        if (left < 8) return "a cut SetDesktopSize";
        length = 8 + 16 * bytes.readUInt8(at + 6);
        break;
      case 255:
        if (bytes[at + 1] !== 0) return `the QEMU message ${bytes[at + 1]}`;
        if (!controls) return "a QEMU key";
        length = 12;
        break;
      default:
        return `the type ${type}`;
    }
    if (length > left) return `a cut message of type ${type}`;
    at += length;
  }
  return null;
}
