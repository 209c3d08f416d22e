import {
  MAX_ROOM_SOCKETS,
  MAX_ROOM_SOCKETS_PER_LINK,
  MAX_ROOM_SOCKETS_PER_PERSON,
  ROOM_SOCKETS_FOR_STAFF,
} from "../../../protocol/limits.ts";
import type { Refusal } from "../../problem.ts";
import type { Who } from "./connection.ts";

/**
 * Why there is no place in a room for one more socket of somebody, if so. A link can be redeemed
 * again and again, so its guests have a share together; nobody but staff takes the last places.
 * @param taken whose the sockets are that there are
 */
export function whyNoPlace({ me, via, staff }: Who, taken: readonly Who[]): Refusal | null {
  if (taken.filter((who) => who.me.id === me.id).length >= MAX_ROOM_SOCKETS_PER_PERSON) {
    return full(
      `You have this room open ${MAX_ROOM_SOCKETS_PER_PERSON} times already; close some.`,
    );
  }
  const isGuest = via.startsWith("link:");
  if (isGuest && taken.filter((who) => who.via === via).length >= MAX_ROOM_SOCKETS_PER_LINK) {
    return full(`This link has ${MAX_ROOM_SOCKETS_PER_LINK} connections here already, its limit.`);
  }
  const places = MAX_ROOM_SOCKETS - (staff ? 0 : ROOM_SOCKETS_FOR_STAFF);
  if (taken.length < places) return null;
  return full(`This room has ${places} connections already, its limit.`);
}

function full(detail: string): Refusal {
  return { status: 429, code: "too_many_members", detail };
}
