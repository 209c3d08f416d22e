import { expect, it } from "vitest";
import type { Member, RoomToClient } from "../../protocol/chat.ts";
import { type Removal, removalsAfter } from "../../web/chat/removals.ts";

const ANN: Member = { id: "a", name: "Ann", role: "operator" };
const BEN: Member = { id: "b", name: "Ben", role: "guest" };
const ASKED: Removal = { id: "b", name: "Ben", untilMs: 1, isGone: false };

function after(...messages: RoomToClient[]): readonly Removal[] {
  return removalsAfter([ASKED], messages);
}

const here = (...members: Member[]): RoomToClient => ({ type: "presence", members });
const refusal = { type: "error", code: "is_staff", message: "They are staff.", answers: "remove" };

it("somebody was removed once they are gone, not when it was asked", () => {
  expect(after()).toEqual([ASKED]);
  expect(after(here(ANN, BEN))).toEqual([ASKED]);
  expect(after(here(ANN))).toEqual([{ ...ASKED, isGone: true }]);
});

it("somebody whom the room did not remove, and who leaves later, was not removed", () => {
  expect(after(refusal as RoomToClient, here(ANN))).toEqual([]);
});

it("a refusal says nothing of those who are gone", () => {
  expect(after(here(ANN), refusal as RoomToClient)).toHaveLength(1);
});

it("who is back was let in, and may leave as they like", () => {
  expect(after(here(ANN), here(ANN, BEN), here(ANN))).toEqual([]);
});
