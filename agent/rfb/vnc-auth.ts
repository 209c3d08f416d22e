import { createCipheriv, createDecipheriv } from "node:crypto";

/** RFC 6143, 7.2.2: the server sends 16 random bytes. */
export const CHALLENGE_BYTES = 16;

/** VNC authentication looks at no more of a password. */
const PASSWORD_BYTES = 8;

/**
 * The answer to a challenge of VNC authentication: the challenge encrypted by DES, with the password
 * as the key, cut or filled with zeros to 8 bytes, the bits of each in reverse order (RFC 6143,
 * 7.2.2; the order of the bits is the erratum 4951).
 * @param challenge {@link CHALLENGE_BYTES} bytes
 */
export function answerChallenge(password: string, challenge: Buffer): Buffer {
  const cipher = createCipheriv(DES, desKey(Buffer.from(password, "utf8")), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(challenge), cipher.final()]);
}

/**
 * The password in a file that `vncpasswd` wrote: 8 bytes, encrypted by a key that all of VNC knows.
 * A second one for viewing only may follow; it is not read.
 * @throws {RangeError} if the file is shorter
 */
export function readVncPasswd(file: Buffer): string {
  if (file.length < PASSWORD_BYTES) throw new RangeError("it is shorter than 8 bytes");
  const decipher = createDecipheriv(DES, desKey(VNCPASSWD_KEY), null);
  decipher.setAutoPadding(false);
  const plain = Buffer.concat([decipher.update(file.subarray(0, 8)), decipher.final()]);
  const end = plain.indexOf(0);
  return plain.toString("utf8", 0, end === -1 ? plain.length : end);
}

/** A file of that kind. @param password of which the first 8 bytes count */
export function writeVncPasswd(password: string): Buffer {
  const plain = Buffer.alloc(PASSWORD_BYTES);
  plain.write(password, "utf8");
  const cipher = createCipheriv(DES, desKey(VNCPASSWD_KEY), null);
  cipher.setAutoPadding(false);
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

/**
 * Triple DES with three times the same key is DES, which OpenSSL 3 does not offer any more.
 */
const DES = "des-ede3-ecb";

/** The fixed key of `vncpasswd`, as in every VNC server's source. */
const VNCPASSWD_KEY = Buffer.from([23, 82, 107, 6, 35, 78, 88, 7]);

function desKey(password: Buffer): Buffer {
  const key = Buffer.alloc(PASSWORD_BYTES);
  password.copy(key);
  for (const [n, byte] of key.entries()) key[n] = reverseBits(byte);
  return Buffer.concat([key, key, key]);
}

function reverseBits(byte: number): number {
  let reversed = 0;
  for (let bit = 0; bit < 8; bit++) reversed |= ((byte >> bit) & 1) << (7 - bit);
  return reversed;
}
