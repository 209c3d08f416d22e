/** Keys by their X11 keysym (keysymdef.h), which is how RFB names them (RFC 6143, 7.5.4). */
export const KEY = {
  backspace: 0xff08,
  tab: 0xff09,
  enter: 0xff0d,
  home: 0xff50,
  left: 0xff51,
  up: 0xff52,
  right: 0xff53,
  down: 0xff54,
  end: 0xff57,
  keypadEnter: 0xff8d,
  delete: 0xffff,
} as const;

/** Control, Meta, Alt, Super and Hyper, left and right: with one held, a letter is a command. */
const COMMAND_KEYS = [
  0xffe3, 0xffe4, 0xffe7, 0xffe8, 0xffe9, 0xffea, 0xffeb, 0xffec, 0xffed, 0xffee,
];

const UNICODE_KEYSYM = 0x01000000;

/** Whether the key makes others a command while it is held. Shift and AltGr do not. */
export function isCommandKey(keysym: number): boolean {
  return COMMAND_KEYS.includes(keysym);
}

/** The character that a key types: Latin-1, or a digit or operator of the keypad. */
export function keysymCharacter(keysym: number): string | undefined {
  const code = keysym > UNICODE_KEYSYM ? keysym - UNICODE_KEYSYM : keysym;
  if ((code >= 0x20 && code <= 0x7e) || (code >= 0xa0 && code <= 0xff)) {
    return String.fromCharCode(code);
  }
  // KP_Multiply to KP_9 lie in the order of ASCII.
  if (keysym >= 0xffaa && keysym <= 0xffb9) return String.fromCharCode(keysym - 0xff80);
  return undefined;
}
