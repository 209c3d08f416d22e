import { ID_PATTERN } from "./ids.ts";

/** A page of ours, and what of it is shown. */
type PageAt =
  | { page: "home" | "sign-in" | "share" | "access" | "support" }
  | { page: "inbox"; id: string | null }
  | { page: "view" | "batch" | "server"; id: string };

/**
 * The page that a path leads to: the one list for the edge, which answers 404 to any other, and for
 * the pages' own router.
 * @returns null where there is none
 */
export function pageAt(path: string): PageAt | null {
  if (path === "/") return { page: "home" };
  const [, page, id = null] = /^\/([a-z-]+)(?:\/([^/]+))?\/?$/.exec(path) ?? [];
  if (id !== null && !ID_PATTERN.test(id)) return null;
  switch (page) {
    case "sign-in":
    case "share":
    case "access":
    case "support":
      return path === `/${page}` ? { page } : null;
    case "inbox":
      return { page, id };
    case "view":
    case "batch":
    case "server":
      return id === null ? null : { page, id };
    default:
      return null;
  }
}
