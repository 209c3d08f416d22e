import type { Refusal } from "../../problem.ts";
import type { Bar } from "./moderation.ts";

/** What a room says no with. */

export const ROOM_CLOSED: Refusal = {
  status: 410,
  code: "room_closed",
  detail: "The session has ended, and its chat with it.",
};

export const CREDENTIAL_REVOKED: Refusal = {
  status: 401,
  code: "revoked",
  detail: "This credential was revoked.",
};

export const NO_SUCH_ROOM: Refusal = {
  status: 404,
  code: "no_such_room",
  detail: "There is no such room.",
};

export const TOO_FAST = {
  code: "too_fast",
  detail: "You are sending faster than this room takes; wait a moment and send it again.",
};

export const NOT_STAFF = { code: "not_staff", detail: "Only an operator can do that." };

export const IS_STAFF = { code: "is_staff", detail: "An operator cannot be shut out here." };

export const NO_SUCH_MEMBER = {
  code: "no_such_member",
  detail: "There is nobody of that id here.",
};

/** @param until in ms since the epoch */
export function describeBar(how: Bar, until: number): Refusal {
  const time = `${new Date(until).toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const what = how === "muted" ? "muted you here" : "removed you from this room";
  return { status: 403, code: how, detail: `An operator ${what}, until ${time}.` };
}
