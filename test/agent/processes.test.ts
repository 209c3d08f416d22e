import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it, vi } from "vitest";
import { MARK_VARIABLE, ProcessFamily } from "../../agent/desktops/processes.ts";
import { NOBODY } from "../support/job-host.ts";

const MARK = "the-mark-of-one-desktop";

/** About as much as the system lets a program have at its start: 1.9 MB in variables of 100 KB. */
const HUGE = Object.fromEntries(
  Array.from({ length: 19 }, (_, n) => [`HUGE_${n}`, "x".repeat(100_000)]),
);

/** Of what the kernel says itself of a process, in two files. */
const STATUS_BYTES = 8 * 1024;

/** What is looked at of the environment of a process, and no more. */
const ENVIRON_BYTES = 128 * 1024;

const started: ChildProcess[] = [];

afterEach(async () => {
  vi.restoreAllMocks();
  for (const child of started.splice(0)) {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
});

/** A program with an environment. @returns its id */
async function program(env: Record<string, string>, uid?: number): Promise<number> {
  const user = uid === undefined ? {} : { uid, gid: uid };
  // In a session of its own: one that it shared would make all of that the desktop's.
  const child = spawn("sleep", ["1000"], { env, stdio: "ignore", detached: true, ...user });
  started.push(child);
  await once(child, "spawn");
  return child.pid ?? 0;
}

/** What this process read of files and sockets so far, as the kernel counts it. */
const bytesRead = () => Number(/^rchar: (\d+)/m.exec(readFileSync("/proc/self/io", "latin1"))?.[1]);

/** How much more is read in one look at what runs, with these programs than without them. */
async function bytesFor(family: ProcessFamily, start: () => Promise<unknown>): Promise<number> {
  const look = () => {
    const before = bytesRead();
    family.members(-1);
    return bytesRead() - before;
  };
  const without = look();
  await start();
  return look() - without;
}

// Programs of two users, and an agent that is one or the other, take root.
describe.skipIf(process.getuid?.() !== 0)(
  "what is read of programs with a huge environment",
  () => {
    const three = (uid?: number) => async () => {
      for (let n = 0; n < 3; n++) await program({ ...HUGE, PATH: process.env.PATH ?? "" }, uid);
    };

    it("is nothing of it where desktops have users of their own, whosever they are", async () => {
      const family = new ProcessFamily({ mark: MARK, uid: 60_999 });
      const both = async () => {
        await three()();
        await three(NOBODY)();
      };
      expect(await bytesFor(family, both)).toBeLessThan(6 * STATUS_BYTES + ENVIRON_BYTES);
    });

    it("is its beginning where they are the agent's own user, and nothing where they are not", async () => {
      vi.spyOn(process, "getuid").mockReturnValue(NOBODY);
      const family = new ProcessFamily({ mark: MARK, uid: null });
      const others = await bytesFor(family, three());
      expect(others).toBeLessThan(3 * STATUS_BYTES + ENVIRON_BYTES);
      const own = await bytesFor(family, three(NOBODY));
      expect(own).toBeLessThan(3 * STATUS_BYTES + 4 * ENVIRON_BYTES);
      expect(own).toBeGreaterThan(2 * ENVIRON_BYTES);
    });

    it("shows the desktop's own by their mark alone, wherever it stands in what is looked at", async () => {
      vi.spyOn(process, "getuid").mockReturnValue(NOBODY);
      const rest = { A: "x".repeat(100_000), PATH: process.env.PATH ?? "" };
      const mine = [
        await program({ [MARK_VARIABLE]: MARK, ...rest }, NOBODY),
        await program({ ...rest, [MARK_VARIABLE]: MARK }, NOBODY),
      ];
      await program({ [MARK_VARIABLE]: `${MARK}-of-another` }, NOBODY);
      await program({ OTHER: `${MARK_VARIABLE}=${MARK}` }, NOBODY);
      await program({ [MARK_VARIABLE]: MARK }); // that says so is no proof: it is another user's
      const family = new ProcessFamily({ mark: MARK, uid: null });
      expect(family.members(-1).map(({ pid }) => pid)).toEqual(expect.arrayContaining(mine));
      expect(family.members(-1)).toHaveLength(mine.length);
    });
  },
);
