import { ClientMessage } from "./client-messages.ts";

/** More keys than this nobody holds. Of those pressed beyond, the first is released. */
const MAX_HELD_KEYS = 64;

/** What a viewer holds down at a VNC server: keys and mouse buttons. */
export class HeldInput {
  /** By key, the message that releases it. */
  readonly #keys = new Map<string, Buffer>();
  /** The last PointerEvent, its buttons up; null while no button is down. */
  #pointer: Buffer | null = null;

  /**
   * Notes a KeyEvent or a QEMU extended one (rfbproto).
   * @returns what goes to the server: the message, behind a release if too many were held
   */
  key(message: Buffer): Buffer {
    const isQemu = message[0] === ClientMessage.qemu;
    // KeyEvent: down u8 at 1, keysym at 4. QEMU: down u16 at 2, keysym at 4, keycode at 8.
    const down = isQemu ? message.readUInt16BE(2) !== 0 : message[1] !== 0;
    const id = message.toString("hex", 4); // a QEMU one is longer: the two do not meet
    if (!down) {
      this.#keys.delete(id);
      return message;
    }
    const release = Buffer.from(message);
    if (isQemu) release.writeUInt16BE(0, 2);
    else release.writeUInt8(0, 1);
    this.#keys.set(id, release);
    const [first] = this.#keys;
    if (this.#keys.size <= MAX_HELD_KEYS || !first) return message;
    this.#keys.delete(first[0]);
    return Buffer.concat([first[1], message]);
  }

  /** Notes a PointerEvent: mask at 1, x at 2, y at 4, and 8 more buttons at 6 if it is longer. */
  pointer(message: Buffer): void {
    const anyDown = message[1] !== 0 || (message[6] ?? 0) !== 0;
    if (!anyDown) {
      this.#pointer = null;
      return;
    }
    this.#pointer ??= Buffer.from([ClientMessage.pointerEvent, 0, 0, 0, 0, 0]);
    message.copy(this.#pointer, 2, 2, 6);
  }

  /** @returns the messages that release everything; after that nothing is held */
  release(): Buffer[] {
    const messages = [...this.#keys.values()];
    if (this.#pointer) messages.push(this.#pointer);
    this.#keys.clear();
    this.#pointer = null;
    return messages;
  }
}
