/** More of a URL than this no label has room for. */
const MAX_CHARACTERS = 80;

/** A job's URL as a label: without what all have in common, and cut where it is long. */
export function shortUrl(url: string): string {
  const bare = url.replace(/^https?:\/\//, "").replace(/^www\./, "");
  const short = bare.replace(/^([^/?#]+)\/$/, "$1");
  if (short.length <= MAX_CHARACTERS) return short;
  return `${Array.from(short)
    .slice(0, MAX_CHARACTERS - 1)
    .join("")}…`;
}
