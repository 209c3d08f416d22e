import type { Session } from "../../protocol/api.ts";

/** The hosting panel's server whose console it was, so that only the panel can show it again. */
export function serverOf(session: Pick<Session, "server_id"> | null): string | null {
  return session?.server_id ?? null;
}

/** Where whoever has looked at a desktop goes back to: to what it belongs to. */
export function wayBack(session: Pick<Session, "batch_id" | "server_id"> | null): {
  to: string;
  label: string;
} {
  const batch = session?.batch_id ?? null;
  if (batch !== null) return { to: `/batch/${batch}`, label: "Back to the batch" };
  const server = serverOf(session);
  if (server !== null) return { to: `/server/${server}`, label: `Back to server ${server}` };
  return { to: "/", label: "Back to the overview" };
}
