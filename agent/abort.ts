/** For a loop's wait that its signal ends early: the loop sees the aborted signal by itself. */
export function ignoreAbort(): void {}
