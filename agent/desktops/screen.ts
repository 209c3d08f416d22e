import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { RFB_BASE_PORT } from "../../protocol/ids.ts";
import { writeVncPasswd } from "../rfb/vnc-auth.ts";

/** Of a desktop, in pixels. */
export const SCREEN = { width: 1280, height: 800 } as const;

/** VNC authentication takes 8 characters; so many bits as 6 bytes have. */
const PASSWORD_BYTES = 6;

/** Of an X server's key, MIT-MAGIC-COOKIE-1. */
const COOKIE_BYTES = 16;

/** Where the programs of a desktop live: their home and temporary folder, and its two secrets. */
export type DesktopFolder = {
  path: string;
  /** The VNC server's password: in a file for it, and here for the gate. */
  password: string;
  passwordFile: string;
  authorityFile: string;
  tmp: string;
};

/**
 * Makes the folder, fresh, and its user's alone.
 * @param uid null leaves it to the agent's own user
 */
export function makeFolder(path: string, uid: number | null): DesktopFolder {
  const folder = {
    path,
    password: randomBytes(PASSWORD_BYTES).toString("base64url"),
    passwordFile: join(path, "vncpasswd"),
    authorityFile: join(path, "Xauthority"),
    tmp: join(path, "tmp"),
  };
  mkdirSync(path, { mode: 0o700 });
  mkdirSync(folder.tmp, { mode: 0o700 });
  writeFileSync(folder.passwordFile, writeVncPasswd(folder.password), { mode: 0o600 });
  writeFileSync(folder.authorityFile, xAuthority(randomBytes(COOKIE_BYTES)), { mode: 0o600 });
  if (uid !== null) {
    for (const file of [folder.passwordFile, folder.authorityFile, folder.tmp, path]) {
      chownSync(file, uid, uid);
    }
  }
  return folder;
}

/** TigerVNC's arguments for the screen of a desktop. */
export function xvncArguments(port: number, folder: DesktopFolder, name: string): string[] {
  return [
    `:${port - RFB_BASE_PORT}`,
    ...["-rfbport", String(port), "-localhost", "-AlwaysShared"],
    ...["-SecurityTypes", "VncAuth", "-rfbauth", folder.passwordFile],
    // Nobody guesses that password, but anybody on this machine could have all of it shut out.
    "-UseBlacklist=0",
    ...["-auth", folder.authorityFile, "-nolisten", "tcp"],
    ...["-geometry", `${SCREEN.width}x${SCREEN.height}`, "-depth", "24", "-AcceptSetDesktopSize=0"],
    ...["-desktop", name],
    // Each viewer's comings and goings would push what the job prints out of its log.
    ...["-Log", "*:stderr:0"],
  ];
}

/** Xau: the family that stands for any address. */
const FAMILY_WILD = 0xffff;

/** A file of X authorities with one key, for every display that it is shown to. */
function xAuthority(cookie: Buffer): Buffer {
  const counted = (bytes: Buffer) => {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(bytes.length);
    return Buffer.concat([length, bytes]);
  };
  const family = Buffer.alloc(2);
  family.writeUInt16BE(FAMILY_WILD);
  const [address, display] = [Buffer.alloc(0), Buffer.alloc(0)];
  const name = Buffer.from("MIT-MAGIC-COOKIE-1");
  return Buffer.concat([family, ...[address, display, name, cookie].map(counted)]);
}
