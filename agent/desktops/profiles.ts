import type { Profile } from "../config.ts";
import { findProgram } from "../executable.ts";
import { listeningPorts } from "../listeners.ts";
import type { Log } from "../log.ts";
import { SCREEN } from "./screen.ts";

/** What a desktop runs. */
export type Plan = {
  /** Program and arguments, with {url}, {display}, {port} and {password_file}. */
  command: readonly string[];
  /** The VNC server that the agent starts first; null where the command brings its own. */
  xvnc: string | null;
};

/** By Debian's name, and as others call it. TigerVNC's own name first: `Xvnc` can be another's. */
const XVNC = ["Xtigervnc", "Xvnc"];
const CHROMIUM = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];

/** Of util-linux, which every Debian has. */
const NEEDED_TOOLS = ["setpriv", "prlimit"] as const;

/** Over all of the screen, which has no window manager, and with nothing of its own on the wire. */
const CHROMIUM_ARGS = [
  "--kiosk",
  "--window-position=0,0",
  // A window of exactly the screen's size Chromium makes one pixel smaller.
  `--window-size=${SCREEN.width + 1},${SCREEN.height + 1}`,
  "--no-first-run",
  "--no-default-browser-check",
  "--password-store=basic",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--",
  "{url}",
];

/**
 * What the owner's profiles come to on this machine. One that cannot run here is left out, and the
 * log says why.
 */
export function readProfiles(
  profiles: Readonly<Record<string, Profile>>,
  log: Log,
): Map<string, Plan> {
  const plans = new Map<string, Plan>();
  for (const [name, profile] of Object.entries(profiles)) {
    if (profile === false) continue;
    try {
      plans.set(name, planOf(name, profile));
    } catch (error) {
      log("profile.unavailable", { profile: name, why: (error as Error).message });
    }
  }
  return plans;
}

function planOf(name: string, profile: Exclude<Profile, false>): Plan {
  if (listeningPorts() === null) throw new Error("desktops for jobs run on Linux only");
  for (const tool of NEEDED_TOOLS) need([tool]);
  if (profile === true) {
    if (name !== "browser") throw new Error(`no profile "${name}" is built in; give its command`);
    return { command: [need(CHROMIUM), ...CHROMIUM_ARGS], xvnc: need(XVNC) };
  }
  const [program = "", ...args] = profile.command;
  const bringsServer = profile.command.some((text) => text.includes("{port}"));
  return { command: [need([program]), ...args], xvnc: bringsServer ? null : need(XVNC) };
}

/** @returns the path of the first of these programs that is there @throws {Error} if none is */
function need(names: readonly string[]): string {
  for (const name of names) {
    const file = findProgram(name);
    if (file !== null) return file;
  }
  throw new Error(`${names.join(" or ")} is not installed, or not on the PATH`);
}

/** Puts the values into a command: each once, whatever they hold. */
export function fillIn(
  command: readonly string[],
  values: { url: string; display: string; port: string; password_file: string },
): string[] {
  return command.map((text) =>
    text.replace(
      /\{(url|display|port|password_file)\}/g,
      (_, key: keyof typeof values) => values[key],
    ),
  );
}
