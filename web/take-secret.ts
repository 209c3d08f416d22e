/** The secret in the address's fragment, taken out of the address bar and the history before use. */
export function takeSecretFromAddress(): string {
  const secret = location.hash.slice(1);
  if (secret !== "") history.replaceState(null, "", location.pathname + location.search);
  return secret;
}
