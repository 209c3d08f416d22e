import type { ChatChange } from "../../protocol/chat.ts";

/** What somebody wants changed of a message, until the room shows that it is. */
export type Revision = {
  seq: number;
  /** What it is to say; null if it is to be deleted. */
  text: string | null;
  /** The last change known when this was asked for: no older one is what comes of it. */
  after: number;
  /** Why it was not done, as a sentence; null while that is open. Of an edit only. */
  problem: string | null;
};

/** Somebody wants that, and no more what they wanted of the same message before. */
export function addRevision(
  revisions: readonly Revision[],
  added: Omit<Revision, "problem">,
): readonly Revision[] {
  return [...dropRevision(revisions, added.seq), { ...added, problem: null }];
}

/** Somebody no longer wants a message changed. */
export function dropRevision(revisions: readonly Revision[], seq: number): readonly Revision[] {
  return revisions.filter((one) => one.seq !== seq);
}

/** The text of an edit that was not taken is kept, with why; a deletion has nothing to lose. */
export function refuseRevision(
  revisions: readonly Revision[],
  kind: "edit" | "delete",
  seq: number,
  problem: string,
): readonly Revision[] {
  const found = revisions.find((one) => one.seq === seq);
  // What was asked since, of the same message, has its own answer.
  if (!found || kindOf(found) !== kind) return revisions;
  if (kind === "delete") return dropRevision(revisions, seq);
  return revisions.map((one) => (one === found ? { ...one, problem } : one));
}

/** None of them will be done: the texts of edits are kept, with why. */
export function refuseRevisions(
  revisions: readonly Revision[],
  problem: string,
): readonly Revision[] {
  return wantedRevisions(revisions).reduce(
    (left, one) => refuseRevision(left, kindOf(one), one.seq, problem),
    revisions,
  );
}

/** What the room has to be asked for when it is back. */
export function wantedRevisions(revisions: readonly Revision[]): readonly Revision[] {
  return revisions.filter(({ problem }) => problem === null);
}

/** Takes off what the messages show. @returns the same if that is nothing */
export function settleRevisions(
  revisions: readonly Revision[],
  changes: ReadonlyMap<number, ChatChange>,
): readonly Revision[] {
  const open = revisions.filter((one) => !isDone(one, changes.get(one.seq)));
  return open.length === revisions.length ? revisions : open;
}

function isDone({ text, after }: Revision, change: ChatChange | undefined): boolean {
  if (text === null) return change?.type === "deleted";
  // Of an edit whose message is deleted the room says that it came too late: its text is kept.
  return change?.type === "message" && change.rev > after && change.text === text;
}

function kindOf({ text }: Revision): "edit" | "delete" {
  return text === null ? "delete" : "edit";
}
