import type { Member } from "../../protocol/chat.ts";

/** What to call people, by their ids. */
export function namesOf(people: readonly Member[]): ReadonlyMap<string, string> {
  const owners = new Map<string, string>();
  const shared = new Set<string>();
  for (const { id, name } of people) {
    const owner = owners.get(name);
    if (owner === undefined) owners.set(name, id);
    else if (owner !== id) shared.add(name);
  }
  return new Map(
    people.map(({ id, name }) => [id, shared.has(name) ? `${name} #${numberOf(id)}` : name]),
  );
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
