import type { Session } from "../../protocol/api.ts";

/** Where whoever has looked at a desktop goes back to: to those that it belongs to. */
export function wayBack(session: Pick<Session, "batch_id"> | null): { to: string; label: string } {
  const batch = session?.batch_id ?? null;
  return batch === null
    ? { to: "/", label: "Back to the overview" }
    : { to: `/batch/${batch}`, label: "Back to the batch" };
}
