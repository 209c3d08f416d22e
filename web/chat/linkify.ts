/** A piece of a text; with `href` one that leads to a page. */
export type Piece = { text: string; href?: string };

/** The scheme is said in full: what only looks like a name of a host may be a file's. */
const ADDRESS = /\bhttps?:\/\/[^\s<>"]+/giu;

/** What ends a sentence is seldom a part of the address before it. */
const SENTENCE_END = /[.,;:!?'»”’…]+$/u;

/** Finds the http and https addresses in a text; everything else stays text. */
export function linkify(text: string): Piece[] {
  const pieces: Piece[] = [];
  let end = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = trimAddress(match[0]);
    const href = safeHref(address);
    if (href === null) continue;
    if (match.index > end) pieces.push({ text: text.slice(end, match.index) });
    pieces.push({ text: address, href });
    end = match.index + address.length;
  }
  if (end < text.length) pieces.push({ text: text.slice(end) });
  return pieces;
}

function trimAddress(found: string): string {
  let address = found.replace(SENTENCE_END, "");
  // A bracket that was opened before the address closes after it.
  while (/[)\]}]$/.test(address) && !isClosedWithin(address)) {
    address = address.slice(0, -1).replace(SENTENCE_END, "");
  }
  return address;
}

function isClosedWithin(address: string): boolean {
  const close = address.at(-1) ?? "";
  const open = { ")": "(", "]": "[", "}": "{" }[close] ?? "";
  return address.split(open).length >= address.split(close).length;
}

function safeHref(address: string): string | null {
  if (!URL.canParse(address)) return null;
  const { href, protocol, username, password } = new URL(address);
  // "https://a-bank.example@elsewhere" would show one host and lead to another.
  const isPlain = username === "" && password === "";
  return isPlain && (protocol === "https:" || protocol === "http:") ? href : null;
}
