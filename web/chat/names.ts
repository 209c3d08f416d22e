import { type Member, visibleName } from "../../protocol/chat.ts";

/** Who is called nothing that can be seen. */
const NAMELESS = "Nameless";

/** What to call people, by their ids: nobody looks like somebody else, whatever they call themselves. */
export function namesOf(people: readonly Member[]): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const shared = new Set<string>();
  const named = people.map(({ id, name }) => {
    const visible = visibleName(name) || NAMELESS;
    return { id, visible, look: lookOf(visible) };
  });
  for (const { id, look } of named) {
    const owner = owners.get(look);
    if (owner === undefined) owners.set(look, id);
    else if (owner !== id) shared.add(look);
  }
  return new Map(
    named.map(({ id, visible, look }) => [
      id,
      shared.has(look) ? `${visible} #${numberOf(id)}` : visible,
    ]),
  );
}

/** The same for names that are drawn alike: other spaces, other widths, a joiner between letters. */
function lookOf(name: string): string {
  return name
    .normalize("NFKC")
    .replaceAll(/\p{Cf}/gu, "")
    .replaceAll(/\s+/gu, " ")
    .toLowerCase();
}

/**
 * Tells people of one name apart: all guests are called Guest. Made of the id, so that everybody
 * sees the same number, and it stays when others come and go.
 */
function numberOf(id: string): number {
  let hash = 0;
  for (const character of id) hash = (Math.imul(hash, 31) + character.charCodeAt(0)) >>> 0;
  return 100 + (hash % 900);
}
