/** One structured line per event, on standard output. No credential is ever passed here. */
export type Log = (event: string, fields?: Record<string, unknown>) => void;

export const logToStdout: Log = (event, fields = {}) => {
  console.log(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));
};

/** What an unknown failure says: the message, and the cause that the platform hides behind it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error.cause instanceof Error)) return error.message;
  const { message, code } = error.cause as NodeJS.ErrnoException;
  // Where every address of a name was tried in vain, the code is all that there is.
  return `${error.message}: ${message || code || error.cause.name}`;
}
