import type { Socket } from "node:net";
import type { Framebuffer } from "./framebuffer.ts";
import { SERVER_FORMAT, writePixelFormat } from "./pixel-format.ts";
import type { SocketReader } from "./socket-reader.ts";

const SERVER_VERSION = "RFB 003.008\n";
const SECURITY_NONE = 1;
const SECURITY_RESULT_OK = 0;
const SECURITY_RESULT_FAILED = 1;

/** A big-endian U32 before the text's bytes, as RFB writes strings. */
function counted(text: string): Buffer {
  const bytes = Buffer.from(text, "utf8");
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/**
 * Brings a connection from its first byte to after ServerInit (RFC 6143, 7.1 to 7.3), as RFB 3.3,
 * 3.7 or 3.8. The shared flag is read and ignored: the desktop is everyone's.
 * Throws an Error that says why if the client does not play by the rules.
 */
export async function shakeHands(
  socket: Socket,
  reader: SocketReader,
  framebuffer: Framebuffer,
  name: string,
): Promise<void> {
  socket.write(SERVER_VERSION);
  const version = /^RFB 003\.(\d{3})\n$/.exec((await reader.read(12)).toString("latin1"));
  if (version === null) throw new Error("its first line is not a version of RFB 3");
  const minor = Number(version[1]);

  if (minor === 7 || minor === 8) {
    socket.write(Buffer.from([1, SECURITY_NONE]));
    const chosen = (await reader.read(1)).readUInt8();
    const accepted = chosen === SECURITY_NONE;
    if (!accepted && minor === 8) {
      const reason = counted("Only the security type None is offered.");
      socket.write(Buffer.concat([u32(SECURITY_RESULT_FAILED), reason]));
    }
    if (!accepted) throw new Error(`it chose security type ${chosen}, not one offered`);
    // Before 3.8 there is no SecurityResult after None (RFC 6143, appendix A).
    if (minor === 8) socket.write(u32(SECURITY_RESULT_OK));
  } else {
    // 3.3 decides by itself; other numbers are to be treated as 3.3 (RFC 6143, 7.1.1).
    socket.write(u32(SECURITY_NONE));
  }

  await reader.read(1);
  const size = Buffer.alloc(4);
  size.writeUInt16BE(framebuffer.width, 0);
  size.writeUInt16BE(framebuffer.height, 2);
  socket.write(Buffer.concat([size, writePixelFormat(SERVER_FORMAT), counted(name)]));
}
