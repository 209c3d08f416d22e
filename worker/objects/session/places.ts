import {
  MAX_STREAMS_PER_LINK,
  MAX_STREAMS_PER_WATCHER,
  MAX_VIEWERS_PER_SESSION,
  STAFF_PLACES_PER_SESSION,
} from "../../../protocol/limits.ts";
import { type Refusal, refuse } from "../../problem.ts";
import type { Grant } from "./entry.ts";

/** Somebody who has a place: who, and by which credential. */
export type Taken = { member: string; via: string };

/**
 * Why somebody cannot have a place in a session now; null if they can. One guest, or one link, takes
 * but a part of them, and the last are for staff: nobody keeps them out who may only watch.
 * @param member their id in the session
 * @param taken the places of all who watch or wait to
 * @param sockets how many streams may be open, also such as their agent says are closed
 */
export function noPlaceFor(
  { via, staff }: Pick<Grant, "via" | "staff">,
  member: string,
  taken: readonly Taken[],
  sockets: number,
): Refusal | null {
  const places = MAX_VIEWERS_PER_SESSION - (staff ? 0 : STAFF_PLACES_PER_SESSION);
  // A viewer's place is free at once when it is said to be; an agent that lies has as many again.
  if (taken.length >= places || sockets >= 2 * MAX_VIEWERS_PER_SESSION) {
    return tooMany(
      places < MAX_VIEWERS_PER_SESSION && taken.length < MAX_VIEWERS_PER_SESSION
        ? `This session has ${taken.length} viewers already; its last places are for its operators.`
        : `This session has ${MAX_VIEWERS_PER_SESSION} viewers already, its limit.`,
    );
  }
  if (staff || !isOnePerson(via)) return null;
  const own = taken.filter((place) => place.member === member).length;
  if (own >= MAX_STREAMS_PER_WATCHER) {
    return tooMany(`You have this desktop open ${own} times already; close one of those first.`);
  }
  const ofLink = taken.filter((place) => place.via === via).length;
  return via.startsWith(BY_LINK) && ofLink >= MAX_STREAMS_PER_LINK
    ? tooMany(`By your link this desktop is open ${ofLink} times already, its limit.`)
    : null;
}

/** Software brings people of its own, and tells them apart or does not. */
function isOnePerson(via: string): boolean {
  return [BY_LINK, "login:", "access:"].some((kind) => via.startsWith(kind));
}

const BY_LINK = "link:";

function tooMany(detail: string): Refusal {
  return refuse(429, "too_many_viewers", detail).refusal;
}
