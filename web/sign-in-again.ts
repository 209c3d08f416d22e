import { ApiError } from "./api.ts";
import { navigate } from "./navigate.ts";
import { SIGN_IN, signInPath } from "./next-path.ts";

/**
 * What a call that failed means for a person. Whoever is not signed in is led to the sign-in, and
 * back here from there.
 * @returns a sentence; null if the page is being left
 * @throws what is a fault of ours
 */
export function explainOrSignIn(error: unknown): string | null {
  if (!(error instanceof ApiError)) throw error;
  if (error.status !== 401) return error.message;
  // Two calls can fail at once: the second one finds the page on its way already.
  if (location.pathname !== SIGN_IN) navigate(signInPath(location.pathname), "replace");
  return null;
}
