/** A failure that is told to a person as its sentence alone, without a stack. */
export class SentenceError extends Error {}

/** Runs a script's main; a failure that was expected ends it with its sentence and exit code 1. */
export async function runScript(main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof SentenceError ? error.message : error);
    process.exit(1);
  }
}
