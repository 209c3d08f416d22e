import { MAX_CLIPBOARD_BYTES } from "../../protocol/limits.ts";
import type { Clipboard, ControlMode, Role } from "../../protocol/link.ts";
import { ClientMessage, clientMessageLength, HEAD_BYTES } from "./client-messages.ts";
import { Encoding, isHarmless } from "./encodings.ts";
import { HeldInput } from "./held-input.ts";

/** What a stream may do; `exclusive` control says that its role may change while it runs. */
export type Rights = { role: Role; clipboard: Clipboard; control: ControlMode };

/** A viewer that only watches may ask for a whole picture so many times at once, and so often. */
const WHOLE_PICTURES_AT_ONCE = 10;
const WHOLE_PICTURE_MS = 500;

/** Whether these rights hold nothing back, and cannot come to. */
export function isUnlimited({ role, clipboard, control }: Rights): boolean {
  return role === "control" && clipboard === "both" && control === "shared";
}

/** Before the payload of a ClientCutText (RFC 6143, 7.5.6). */
const CUT_TEXT_HEAD_BYTES = 8;

/**
 * Lets through what a viewer may say to a VNC server, whatever the viewer is. It reads the client's
 * messages from bytes that are split anywhere. A message goes on when it is whole, so that the
 * server is never in the middle of one and the role can change at any moment; one that lies whole
 * in a chunk is not copied. At most one is held: 256 KiB.
 *
 * The server and the filter must agree on every length, or a viewer could hide a key press in what
 * the filter takes for something else. So where anything is held back no encoding passes that could
 * change a length, nor any that is not known here. Some are known to: extended mouse buttons add a
 * byte once the server has answered, which the filter does not see; of an extended clipboard
 * TigerVNC leaves unread what is behind the part that it knows; and it takes the first byte of a
 * SetDesktopSize for all of it, where the next seven come later.
 */
export class ClientFilter {
  #role: Role;
  readonly #clipboard: Clipboard;
  /** Nothing is held back, and never will be. */
  readonly #unlimited: boolean;
  readonly #input = new HeldInput();
  readonly #pictures: PictureBudget;
  /** What the client listed last, with what its role may not use. */
  #encodings: number[] | null = null;
  #encodingsMessage: Buffer | null = null;
  #negotiable = { extendedPointer: false, extendedClipboard: false };

  /** The beginning of a message that did not lie whole in one chunk. */
  readonly #head = Buffer.alloc(HEAD_BYTES);
  #collected = 0;
  /** Its length, once the head tells; then the whole of it, or null if it does not pass. */
  #length: number | null = null;
  #message: Buffer | null = null;

  constructor(rights: Rights, now: () => number = Date.now) {
    this.#role = rights.role;
    this.#clipboard = rights.clipboard;
    this.#unlimited = isUnlimited(rights);
    this.#pictures = new PictureBudget(now);
  }

  /** Whether {@link setRole} can be called. */
  get roleCanChange(): boolean {
    return !this.#unlimited;
  }

  /**
   * Takes what the viewer said. It may change bytes of the chunk in place.
   * @returns what goes to the server, in order: parts of the chunk, or messages that were held
   * @throws {StreamError} malformed, at a message that nobody may send
   */
  push(chunk: Buffer): Buffer[] {
    const out: Buffer[] = [];
    let at = this.#collected > 0 ? this.#collect(chunk, 0, out) : 0;
    let kept = at; // from here up to `at` everything passes as it is
    const keep = () => {
      if (at > kept) out.push(chunk.subarray(kept, at));
    };
    while (at < chunk.length) {
      const length = this.#lengthAt(chunk, at, chunk.length);
      const end = length === null ? Number.POSITIVE_INFINITY : at + length;
      const isWhole = end <= chunk.length;
      const message = isWhole ? chunk.subarray(at, end) : null;
      const allowed = message && this.#allow(message);
      if (message === null || allowed !== message) {
        keep();
        if (allowed) out.push(allowed);
        kept = message === null ? this.#collect(chunk, at, out) : end;
      }
      at = message === null ? kept : end;
    }
    keep();
    return out;
  }

  /**
   * Gives or takes control, where {@link roleCanChange}.
   * @returns what the server is told: the keys and buttons that are held go up, and it hears of the
   *   encodings that the role may use
   */
  setRole(role: Role): Buffer[] {
    if (role === this.#role) return [];
    const releases = role === "view" ? this.releaseInput() : [];
    this.#role = role;
    if (this.#message && !this.#mayEverPass(this.#head, this.#message.length)) this.#message = null;
    return this.#encodings ? [...releases, this.#setEncodings(this.#encodings)] : releases;
  }

  /** @returns the messages that release the keys and buttons which the viewer holds */
  releaseInput(): Buffer[] {
    return this.#input.release();
  }

  #lengthAt(bytes: Buffer, at: number, end: number): number | null {
    return clientMessageLength(bytes, at, end, this.#negotiable);
  }

  /**
   * Takes what a chunk has of a message that does not lie whole in one.
   * @returns where the message ends in the chunk, or where the chunk ends
   */
  #collect(chunk: Buffer, from: number, out: Buffer[]): number {
    let at = from;
    while (this.#length === null) {
      if (at === chunk.length) return at;
      this.#head[this.#collected++] = chunk[at++] ?? 0;
      this.#length = this.#lengthAt(this.#head, 0, this.#collected);
      if (this.#length === null || !this.#mayEverPass(this.#head, this.#length)) continue;
      this.#message = Buffer.allocUnsafe(this.#length);
      this.#head.copy(this.#message, 0, 0, this.#collected);
    }
    const taken = Math.min(this.#length - this.#collected, chunk.length - at);
    if (this.#message) chunk.copy(this.#message, this.#collected, at, at + taken);
    this.#collected += taken;
    if (this.#collected === this.#length) {
      const allowed = this.#message && this.#allow(this.#message);
      if (allowed) out.push(allowed);
      this.#collected = 0;
      this.#length = null;
      this.#message = null;
    }
    return at + taken;
  }

  /** Whether a message is worth collecting; a clipboard that does not pass can be 2 GiB long. */
  #mayEverPass(head: Buffer, length: number): boolean {
    if (head[0] !== ClientMessage.clientCutText) return true;
    if (this.#role !== "control" || length - CUT_TEXT_HEAD_BYTES > MAX_CLIPBOARD_BYTES)
      return false;
    return this.#clipboard !== "none";
  }

  /** @returns the message as it may pass, which is another one if it was rewritten; null if not */
  #allow(message: Buffer): Buffer | null {
    const controls = this.#role === "control";
    switch (message[0]) {
      case ClientMessage.setEncodings:
        return this.#rewriteEncodings(message);
      case ClientMessage.framebufferUpdateRequest:
        // Made incremental, not dropped: a server answers each request, and pictures go on.
        if (!controls && message[1] === 0 && !this.#pictures.take()) message[1] = 1;
        return message;
      case ClientMessage.keyEvent:
      case ClientMessage.qemu:
        return controls ? this.#input.key(message) : null;
      case ClientMessage.pointerEvent:
        if (!controls) return null;
        this.#input.pointer(message);
        return message;
      case ClientMessage.clientCutText:
        return this.#mayEverPass(message, message.length) ? message : null;
      case ClientMessage.xvp:
        return controls ? message : null;
      case ClientMessage.setDesktopSize:
        return this.#unlimited ? message : null;
      default:
        return message;
    }
  }

  /** @returns null for the same again: it costs server and agent more than it takes to send */
  #rewriteEncodings(message: Buffer): Buffer | null {
    if (this.#encodingsMessage?.equals(message)) return null;
    this.#encodingsMessage = Buffer.from(message);
    const encodings = Array.from({ length: message.readUInt16BE(2) }, (_, n) =>
      message.readInt32BE(4 + 4 * n),
    );
    this.#encodings = encodings;
    const offers = (encoding: number) => this.#unlimited && encodings.includes(encoding);
    this.#negotiable = {
      extendedClipboard: offers(Encoding.extendedClipboard),
      extendedPointer: offers(Encoding.extendedMouseButtons),
    };
    const passes = encodings.every((encoding) => this.#mayUse(encoding));
    return passes ? message : this.#setEncodings(encodings);
  }

  #setEncodings(encodings: readonly number[]): Buffer {
    const allowed = encodings.filter((encoding) => this.#mayUse(encoding));
    const message = Buffer.alloc(4 + 4 * allowed.length);
    message.writeUInt8(ClientMessage.setEncodings, 0);
    message.writeUInt16BE(allowed.length, 2);
    for (const [n, encoding] of allowed.entries()) message.writeInt32BE(encoding, 4 + 4 * n);
    return message;
  }

  #mayUse(encoding: number): boolean {
    if (this.#unlimited || isHarmless(encoding)) return true;
    const isKnown = encoding === Encoding.qemuExtendedKey || encoding === Encoding.xvp;
    return isKnown && this.#role === "control";
  }
}

/** How many whole pictures a viewer may ask for now: each costs a server as much as a fresh start. */
class PictureBudget {
  readonly #now: () => number;
  #left = WHOLE_PICTURES_AT_ONCE;
  #since: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#since = now();
  }

  /** Takes one. @returns false if there is none */
  take(): boolean {
    const earned = Math.floor((this.#now() - this.#since) / WHOLE_PICTURE_MS);
    this.#since += earned * WHOLE_PICTURE_MS;
    this.#left = Math.min(WHOLE_PICTURES_AT_ONCE, this.#left + earned);
    if (this.#left === 0) return false;
    this.#left -= 1;
    return true;
  }
}
