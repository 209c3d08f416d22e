/** X11 keysyms of the keys that an on-screen keyboard reports by name. */
const NAMED_KEYS: ReadonlyMap<string, number> = new Map([
  ["Backspace", 0xff08],
  ["Tab", 0xff09],
  ["Enter", 0xff0d],
  ["Escape", 0xff1b],
  ["Home", 0xff50],
  ["ArrowLeft", 0xff51],
  ["ArrowUp", 0xff52],
  ["ArrowRight", 0xff53],
  ["ArrowDown", 0xff54],
  ["PageUp", 0xff55],
  ["PageDown", 0xff56],
  ["End", 0xff57],
  ["Delete", 0xffff],
]);

export const Keysym = {
  backspace: 0xff08,
  tab: 0xff09,
  escape: 0xff1b,
  left: 0xff51,
  up: 0xff52,
  right: 0xff53,
  down: 0xff54,
  control: 0xffe3,
  alt: 0xffe9,
} as const;

export function keysymOfNamedKey(key: string): number | null {
  return NAMED_KEYS.get(key) ?? null;
}

/** The keysym that types one character: Latin-1 is itself, the rest is Unicode plus 2^24. */
export function keysymOfCharacter(character: string): number {
  if (character === "\n") return 0xff0d;
  if (character === "\t") return 0xff09;
  const codePoint = character.codePointAt(0) ?? 0;
  return codePoint <= 0xff ? codePoint : 0x0100_0000 | codePoint;
}

/**
 * What was typed between two contents of a text field. An on-screen keyboard corrects and completes
 * words, so that only the difference tells which keys to press over there.
 */
export function typedBetween(
  before: string,
  after: string,
): { backspaces: number; typed: string[] } {
  const old = Array.from(before);
  const now = Array.from(after);
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { backspaces: old.length - same, typed: now.slice(same) };
}
