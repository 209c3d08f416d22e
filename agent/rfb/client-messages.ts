import { CloseCode } from "../../protocol/close-codes.ts";
import { StreamError } from "./stream-error.ts";

/** Client message types (RFC 6143, 7.5, and rfbproto). */
export const ClientMessage = {
  setPixelFormat: 0,
  setEncodings: 2,
  framebufferUpdateRequest: 3,
  keyEvent: 4,
  pointerEvent: 5,
  clientCutText: 6,
  enableContinuousUpdates: 150,
  clientFence: 248,
  xvp: 250,
  setDesktopSize: 251,
  qemu: 255,
} as const;

/** Of the QEMU message (rfbproto): what follows its type. */
export const QEMU_KEY_EVENT = 0;

/** No message needs more of its bytes before its length is known. */
export const HEAD_BYTES = 9;

/** A client lists some 25 encodings; one that lists more than this means harm. */
const MAX_ENCODINGS = 1024;

/** rfbproto: the payload of a fence. */
const MAX_FENCE_BYTES = 64;

/** Bit 7 of a PointerEvent's mask: the mask goes on in one more byte. */
export const MORE_BUTTONS = 0x80;

/**
 * The length of the client message that begins at `at`. Lengths are from RFC 6143, 7.5, rfbproto and
 * noVNC 1.7.
 * @param end how far there are bytes; the message may go on behind it
 * @param extendedPointer whether extended mouse buttons may have been negotiated
 * @param extendedClipboard whether the extended clipboard may have been negotiated
 * @returns the length in bytes, of which up to 2 GiB may be a clipboard; null if more of the
 *   message must be seen first
 * @throws {StreamError} malformed for a type that is not known, or a length that cannot be
 */
export function clientMessageLength(
  bytes: Buffer,
  at: number,
  end: number,
  { extendedPointer, extendedClipboard }: { extendedPointer: boolean; extendedClipboard: boolean },
): number | null {
  const seen = end - at;
  const type = bytes[at];
  switch (type) {
    case ClientMessage.setPixelFormat:
      return 20;
    case ClientMessage.setEncodings: {
      if (seen < 4) return null;
      const count = bytes.readUInt16BE(at + 2);
      if (count > MAX_ENCODINGS) throw malformed(`lists ${count} encodings`);
      return 4 + 4 * count;
    }
    case ClientMessage.framebufferUpdateRequest:
      return 10;
    case ClientMessage.keyEvent:
      return 8;
    case ClientMessage.pointerEvent:
      if (!extendedPointer) return 6;
      if (seen < 2) return null;
      return bytes.readUInt8(at + 1) & MORE_BUTTONS ? 7 : 6;
    case ClientMessage.clientCutText: {
      if (seen < 8) return null;
      const length = bytes.readInt32BE(at + 4);
      if (length >= 0) return 8 + length;
      if (!extendedClipboard) throw malformed(`has a clipboard of ${length >>> 0} bytes`);
      return 8 - length;
    }
    case ClientMessage.enableContinuousUpdates:
      return 10;
    case ClientMessage.clientFence: {
      if (seen < 9) return null;
      const length = bytes.readUInt8(at + 8);
      if (length > MAX_FENCE_BYTES) throw malformed(`has a fence of ${length} bytes`);
      return 9 + length;
    }
    case ClientMessage.xvp:
      return 4;
    case ClientMessage.setDesktopSize:
      return seen < 7 ? null : 8 + 16 * bytes.readUInt8(at + 6);
    case ClientMessage.qemu:
      if (seen < 2) return null;
      if (bytes[at + 1] === QEMU_KEY_EVENT) return 12;
      throw malformed(`has the type 255/${bytes[at + 1]}, which does not pass here`);
    default:
      throw malformed(`has the type ${type}, which is not known here`);
  }
}

function malformed(what: string): StreamError {
  return new StreamError(CloseCode.malformed, `A message of your viewer ${what}.`);
}
