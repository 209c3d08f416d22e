import type { ControlRequest, Member } from "../../protocol/chat.ts";
import type { Role } from "../../protocol/link.ts";
import { namesOf } from "../chat/names.ts";
import type { RoomState } from "./room.ts";

/** Somebody, as this page calls them. */
export type Person = { id: string; name: string };

/** A member who is here or matters for control. */
export type PersonHere = Person & {
  me: boolean;
  role: Member["role"];
  part: "holds" | "asks" | null;
};

/** What the page shows of who controls, and offers to do about it. */
export type ControlView = {
  /** Whether one controls at a time here. */
  exclusive: boolean;
  /** A few words for the bar. */
  label: string;
  /** The same for those who hear the page, and with what they cannot see. */
  sentence: string;
  /** What is typed and clicked here reaches nothing. Why, as a sentence; null while it does. */
  watching: string | null;
  holds: boolean;
  /** Whether one asked and waits. */
  waits: boolean;
  /** What may be asked of the room, the first one first; none while it is away. */
  ops: readonly Exclude<ControlRequest["op"], "give">[];
  /** Those who wait for control, the first one first. */
  asking: readonly Person[];
  people: readonly PersonHere[];
};

const VIEW_ONLY = "You can watch this desktop. What you type and click here does not reach it.";

/**
 * @param room null in a session that all control at once
 * @param staff whether they may take control from whoever has it
 */
export function viewControl(
  role: Role,
  room: RoomState | null,
  staff: boolean,
): ControlView | null {
  if (room) return viewRoom(role, room, staff);
  if (role === "control") return null;
  const none = { exclusive: false, holds: false, waits: false, ops: [], asking: [], people: [] };
  return { label: "View only", sentence: VIEW_ONLY, watching: VIEW_ONLY, ...none };
}

function viewRoom(role: Role, room: RoomState, staff: boolean): ControlView {
  const { me, control, link } = room;
  const people = peopleOf(room);
  const find = (member: Member): Person =>
    people.find(({ id }) => id === member.id) ?? { id: member.id, name: member.name };
  const asking = control?.asking.map(find) ?? [];
  const base = { exclusive: true, holds: false, waits: false, ops: [], asking, people };
  if (!control || !me) {
    const label = link === "away" ? "Who has control is not known" : "Asking who has control…";
    // The host alone decides what passes: it is better asked than not.
    const watching = role === "view" ? VIEW_ONLY : null;
    return { ...base, label: role === "view" ? "View only" : label, sentence: label, watching };
  }
  const { holder } = control;
  const holds = holder?.id === me.id;
  const waits = control.asking.some(({ id }) => id === me.id);
  const fact = holds ? "You have control" : `${holder ? find(holder).name : "Nobody"} has control`;
  const unsure = link === "away" ? ", as far as is known" : "";
  if (role === "view") {
    const sentence = `${VIEW_ONLY} ${fact}${unsure}.`;
    return { ...base, label: `View only · ${fact}`, sentence, watching: VIEW_ONLY };
  }
  return {
    ...base,
    label: `${fact}${unsure}`,
    sentence: `${fact}${unsure}.${waits ? " You asked for it." : ""}`,
    watching: holds ? null : `${fact}: what you type and click here does not reach the desktop.`,
    holds,
    waits,
    ops: link === "here" ? opsOf({ holds, waits, taken: holder !== null, staff }) : [],
  };
}

function opsOf(my: { holds: boolean; waits: boolean; taken: boolean; staff: boolean }) {
  if (my.holds) return ["release"] as const;
  const polite = my.waits ? ("release" as const) : ("ask" as const);
  return my.taken && my.staff ? ([polite, "take"] as const) : [polite];
}

/** Everybody who is here, and who matters without being here: their chat may be away. */
function peopleOf({ me, members, control }: RoomState): PersonHere[] {
  const { holder = null, asking = [] } = control ?? {};
  const all = [...(holder ? [holder] : []), ...asking, ...members];
  const each = [...new Map(all.map((member) => [member.id, member])).values()];
  const names = namesOf(each);
  return each.map((member) => ({
    id: member.id,
    name: names.get(member.id) ?? member.name,
    me: member.id === me?.id,
    role: member.role,
    part:
      member.id === holder?.id
        ? "holds"
        : asking.some(({ id }) => id === member.id)
          ? "asks"
          : null,
  }));
}

/** What happened to control between two states, for a notice; null if it is nobody's concern here. */
export function changeBetween(before: ControlView | null, now: ControlView | null): string | null {
  if (!before || !now || before.holds === now.holds) return null;
  if (now.holds) return "You have control now.";
  const holder = now.people.find(({ part }) => part === "holds");
  return holder
    ? `You no longer have control: ${holder.name} has it now.`
    : "You no longer have control; nobody has it now.";
}
