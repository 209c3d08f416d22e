import { describe, expect, it } from "vitest";
import type { Member } from "../../protocol/chat.ts";
import type { Role } from "../../protocol/link.ts";
import { changeBetween, viewControl } from "../../web/viewer/control-view.ts";
import { NOWHERE, type RoomState } from "../../web/viewer/room.ts";

const ANN: Member = { id: "a", name: "Ann", role: "operator" };
const BEN: Member = { id: "b", name: "Ben", role: "guest" };

type Told = {
  holder?: Member | null;
  asking?: Member[];
  members?: Member[];
  link?: RoomState["link"];
};

/** What Ann's page shows of a room. */
function seenByAnn(told: Told, { role = "control" as Role, staff = false } = {}) {
  const { holder = null, asking = [], members = [ANN, BEN], link = "here" } = told;
  const control = { holder, asking };
  const view = viewControl(role, { ...NOWHERE, link, me: ANN, members, control }, staff);
  if (!view) throw new Error("there is a room");
  return view;
}

describe("a session that all control at once", () => {
  it("has nothing to say to who may control it", () => {
    expect(viewControl("control", null, true)).toBeNull();
  });

  it("says to who may not that they can only watch, and offers nothing", () => {
    const view = viewControl("view", null, false);
    expect(view).toMatchObject({ label: "View only", ops: [], holds: false });
    expect(view?.watching).toContain("does not reach it");
  });
});

describe("a session where one controls at a time", () => {
  it.each([
    [ANN, "You have control"],
    [BEN, "Ben has control"],
    [null, "Nobody has control"],
  ])("held by %j says %j", (holder, label) => {
    expect(seenByAnn({ holder }).label).toBe(label);
  });

  it("lets the keys of its holder through, and of nobody else", () => {
    expect(seenByAnn({ holder: ANN }).watching).toBeNull();
    expect(seenByAnn({ holder: BEN }).watching).toContain("Ben has control");
    expect(seenByAnn({ holder: null }).watching).toContain("Nobody has control");
  });

  it.each([
    ["its holder to let go", { holder: ANN }, false, ["release"]],
    ["others to ask", { holder: BEN }, false, ["ask"]],
    ["who asked to withdraw", { holder: BEN, asking: [ANN] }, false, ["release"]],
    ["staff to ask, or take", { holder: BEN }, true, ["ask", "take"]],
    ["staff who asked to take", { holder: BEN, asking: [ANN] }, true, ["release", "take"]],
    ["anybody to ask for what nobody has", { holder: null }, true, ["ask"]],
  ] as const)("offers %s", (_, told, staff, ops) => {
    expect(
      seenByAnn({ ...told, asking: [...("asking" in told ? told.asking : [])] }, { staff }).ops,
    ).toEqual(ops);
  });

  it("offers nothing while its room is away, and says that it may be wrong", () => {
    const view = seenByAnn({ holder: BEN, link: "away" }, { staff: true });
    expect(view.ops).toEqual([]);
    expect(view.label).toBe("Ben has control, as far as is known");
  });

  it("leaves control with its holder while its room is away", () => {
    expect(seenByAnn({ holder: ANN, link: "away" }).watching).toBeNull();
  });

  it("lets the host decide what passes as long as the room has said nothing", () => {
    for (const link of ["joining", "away"] as const) {
      const room: RoomState = { ...NOWHERE, link };
      expect(viewControl("control", room, false)).toMatchObject({ watching: null, ops: [] });
      expect(viewControl("view", room, false)?.watching).toContain("does not reach it");
    }
  });

  it("shows who may only watch who controls, and offers nothing", () => {
    const view = seenByAnn({ holder: BEN }, { role: "view" });
    expect(view).toMatchObject({ label: "View only · Ben has control", ops: [] });
  });

  it("lists who asks in their order, and who controls without being in the room", () => {
    const view = seenByAnn({ holder: BEN, asking: [ANN], members: [ANN] });
    expect(view.asking.map(({ name }) => name)).toEqual(["Ann"]);
    expect(view.people).toMatchObject([
      { name: "Ben", part: "holds", me: false },
      { name: "Ann", part: "asks", me: true },
    ]);
  });
});

describe("people of one name", () => {
  const [guest1, guest2] = ["x1", "x2"].map(
    (id): Member => ({ id, name: "Guest", role: "guest" }),
  ) as [Member, Member];

  it("are told apart, and alike in what is said of who controls", () => {
    const view = seenByAnn({ holder: guest1, members: [ANN, guest1, guest2] });
    const [first, , second] = view.people.map(({ name }) => name);
    expect(first).toMatch(/^Guest #\d{3}$/);
    expect(first).not.toBe(second);
    expect(view.label).toBe(`${first} has control`);
  });

  it("keep their number when others of that name come", () => {
    const nameOf = (members: Member[]) =>
      seenByAnn({ members }).people.find(({ id }) => id === guest1.id)?.name;
    const third: Member = { ...guest1, id: "x3" };
    expect(nameOf([guest1, guest2])).toBe(nameOf([third, guest2, guest1]));
  });

  it("have none where there is one of each", () => {
    expect(seenByAnn({ members: [ANN, guest1] }).people.map(({ name }) => name)).toEqual([
      "Ann",
      "Guest",
    ]);
  });
});

describe("a change of control", () => {
  it("is told to who got it, and to who lost it, with who has it now", () => {
    const mine = seenByAnn({ holder: ANN });
    const bens = seenByAnn({ holder: BEN });
    expect(changeBetween(bens, mine)).toBe("You have control now.");
    expect(changeBetween(mine, bens)).toBe("You no longer have control: Ben has it now.");
    expect(changeBetween(mine, seenByAnn({ holder: null }))).toContain("nobody has it now");
  });

  it("between others, and the first that is heard, is no notice", () => {
    expect(changeBetween(seenByAnn({ holder: BEN }), seenByAnn({ holder: null }))).toBeNull();
    expect(changeBetween(null, seenByAnn({ holder: ANN }))).toBeNull();
  });
});
