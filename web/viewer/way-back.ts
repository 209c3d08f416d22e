import type { Session } from "../../protocol/api.ts";
import { isId } from "../../protocol/ids.ts";

const OF_SERVER = "Server ";

/**
 * The hosting panel's server whose console it was, so that only the panel can show it again. A session
 * says that by its label alone, which our own pages give to no other.
 */
export function serverOf(session: Pick<Session, "label" | "job_url"> | null): string | null {
  const { label = null, job_url = null } = session ?? {};
  if (job_url !== null || !label?.startsWith(OF_SERVER)) return null;
  const id = label.slice(OF_SERVER.length);
  return isId(id) ? id : null;
}

/** Where whoever has looked at a desktop goes back to: to what it belongs to. */
export function wayBack(session: Pick<Session, "batch_id" | "label" | "job_url"> | null): {
  to: string;
  label: string;
} {
  const batch = session?.batch_id ?? null;
  if (batch !== null) return { to: `/batch/${batch}`, label: "Back to the batch" };
  const server = serverOf(session);
  if (server !== null) return { to: `/server/${server}`, label: `Back to server ${server}` };
  return { to: "/", label: "Back to the overview" };
}
