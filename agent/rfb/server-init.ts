import type { EventEmitter } from "node:events";

/** RFC 6143, 7.3.2: width and height, 16 bytes of a pixel format, and the length of the name. */
const HEAD_BYTES = 24;
const NAME_LENGTH_AT = 20;

/** So much of a desktop's name is read; at four bytes a character it is what the edge takes. */
const MAX_DESKTOP_NAME_CHARACTERS = 255;
const MAX_DESKTOP_NAME_BYTES = 4 * MAX_DESKTOP_NAME_CHARACTERS;

/** What a VNC server says of its desktop. Pixels; `name` is null for one that has none. */
export type ServerInit = { width: number; height: number; name: string | null };

/**
 * Reads the ServerInit that a VNC server sends to its viewer, as it passes: nobody is asked for it.
 * When it is read, nothing listens any more.
 * @param socket whose next byte, after `received`, is the next one to the viewer
 * @param received what it said already
 */
export function overhearServerInit(
  socket: EventEmitter,
  received: Buffer,
  heard: (init: ServerInit) => void,
): void {
  let bytes = Buffer.alloc(0);
  const onData = (chunk: Buffer) => {
    const wanted = HEAD_BYTES + MAX_DESKTOP_NAME_BYTES - bytes.length;
    bytes = Buffer.concat([bytes, chunk.subarray(0, wanted)]);
    const init = parseServerInit(bytes);
    if (!init) return;
    socket.off("data", onData);
    heard(init);
  };
  socket.on("data", onData);
  onData(received);
}

/** @returns null while there is less than all of it, or than is read of its name */
function parseServerInit(bytes: Buffer): ServerInit | null {
  if (bytes.length < HEAD_BYTES) return null;
  const length = Math.min(bytes.readUInt32BE(NAME_LENGTH_AT), MAX_DESKTOP_NAME_BYTES);
  if (bytes.length < HEAD_BYTES + length) return null;
  const text = bytes.toString("utf8", HEAD_BYTES, HEAD_BYTES + length);
  const name = text.replaceAll(/\p{Cc}+/gu, " ").trim();
  return {
    width: bytes.readUInt16BE(0),
    height: bytes.readUInt16BE(2),
    name: name === "" ? null : name.slice(0, MAX_DESKTOP_NAME_CHARACTERS),
  };
}
