/**
 * One structured line per event. No credential, ticket or token is ever passed here.
 * @param event what happened, as `thing.verb`
 */
export function log(event: string, fields: Record<string, unknown> = {}): void {
  console.log(JSON.stringify({ event, ...fields }));
}

/** What an unknown failure says in a log line. */
export function describeError(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
