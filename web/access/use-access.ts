import { useEffect, useState } from "preact/hooks";
import type { AuditEntry } from "../../protocol/api.ts";
import { type Access, pageOfAudit, readAccess } from "../access-api.ts";
import { ApiError } from "../api.ts";
import { explainOrSignIn } from "../sign-in-again.ts";

/** How many lines of the audit are read at a time. */
const AUDIT_PAGE = 25;

export type AccessState = {
  access: Access | null;
  /** What was done, the newest first; null until it was read. */
  audit: AuditEntry[] | null;
  /** Where the audit goes on; null at its end. */
  next: string | null;
  /** Why the last look failed; what the one before found stays. */
  problem: string | null;
  /** Whether it is not for who is signed in. */
  isForbidden: boolean;
};

/** What the page shows, read when it is opened, changed, or looked at again. */
export function useAccess() {
  const [state, setState] = useState<AccessState>({
    ...{ access: null, audit: null, next: null, problem: null, isForbidden: false },
  });
  const [looks, setLooks] = useState(0);
  const [isReadingMore, setReadingMore] = useState(false);
  const look = () => setLooks((before) => before + 1);

  const fail = (error: unknown) => {
    const problem = explainOrSignIn(error);
    const isForbidden = error instanceof ApiError && error.status === 403;
    if (problem !== null) setState((now) => ({ ...now, problem, isForbidden }));
  };

  useEffect(() => {
    const gone = new AbortController();
    const { signal } = gone;
    Promise.all([readAccess(signal), pageOfAudit({ cursor: null, limit: AUDIT_PAGE }, signal)])
      .then(([access, { items, next_cursor }]) => {
        setState((now) => ({ ...now, access, ...joined(items, next_cursor, now), problem: null }));
      })
      .catch((error) => signal.aborted || fail(error));
    return () => gone.abort();
  }, [looks]);

  useEffect(() => {
    const onSeen = () => document.hidden || look();
    document.addEventListener("visibilitychange", onSeen);
    return () => document.removeEventListener("visibilitychange", onSeen);
  }, []);

  const readMore = async () => {
    if (isReadingMore || state.next === null) return;
    setReadingMore(true);
    try {
      const { items, next_cursor } = await pageOfAudit({ cursor: state.next, limit: AUDIT_PAGE });
      setState((now) => ({ ...now, audit: [...(now.audit ?? []), ...items], next: next_cursor }));
    } catch (error) {
      fail(error);
    }
    setReadingMore(false);
  };

  return { ...state, look, readMore, isReadingMore };
}

/** The newest lines before those that were read already, unless there is a gap between the two. */
function joined(
  newest: AuditEntry[],
  next: string | null,
  { audit, next: before }: AccessState,
): Pick<AccessState, "audit" | "next"> {
  const oldest = newest.at(-1)?.audit_id ?? 0;
  const older = audit?.filter(({ audit_id }) => audit_id < oldest) ?? [];
  const meets = audit?.some(({ audit_id }) => audit_id === oldest) ?? false;
  return meets && older.length > 0
    ? { audit: [...newest, ...older], next: before }
    : { audit: newest, next };
}
