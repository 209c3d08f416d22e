import { createServer } from "node:net";
import { poll } from "../../scripts/poll.ts";

/** Longer than any file with desktops takes on a busy machine. */
const TURN_MS = 110_000;

/**
 * Waits until no other test file has desktops for jobs on this machine: they are given the lowest
 * free displays and users, and a test says which. An abstract socket is the lock, which is free
 * again as soon as its process is gone.
 * @returns what ends the turn
 */
export async function takeTurnWithDesktops(): Promise<() => Promise<void>> {
  let free: (() => Promise<void>) | null = null;
  await poll(TURN_MS, "the other desktops to be gone", async () => {
    free = await listen("\0porthole-tests-desktops");
    return free !== null;
  });
  return free ?? (() => Promise.resolve());
}

/** @returns what closes it; null if another process listens there */
function listen(path: string): Promise<(() => Promise<void>) | null> {
  return new Promise((resolve, reject) => {
    const lock = createServer();
    lock.once("error", (error: NodeJS.ErrnoException) =>
      error.code === "EADDRINUSE" ? resolve(null) : reject(error),
    );
    lock.listen(path, () => {
      resolve(() => new Promise((closed) => lock.close(() => closed())));
    });
  });
}
