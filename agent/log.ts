/** One structured line per event, on standard output. No credential is ever passed here. */
export type Log = (event: string, fields?: Record<string, unknown>) => void;

export const logToStdout: Log = (event, fields = {}) => {
  console.log(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));
};

/** What an unknown failure says: the message, and the cause that the platform hides behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`;
}
