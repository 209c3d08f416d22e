import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";

/** capabilities(7): lets trace a process of which one is not the parent. */
const CAP_SYS_PTRACE = 19n;

export const mayTrace = ((BigInt(`0x${effectiveCapabilities()}`) >> CAP_SYS_PTRACE) & 1n) === 1n;

/** proc(5), as hexadecimal digits. */
function effectiveCapabilities(): string {
  const status = readFileSync("/proc/self/status", "latin1");
  return /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
}

/** @returns the workerd that this process has started; throws if it has another number of them */
export function ownWorkerd(): number {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isOwnWorkerd(name));
  if (pids.length !== 1) throw new Error(`This process has ${pids.length} workerds, not one.`);
  return Number(pids[0]);
}

function isOwnWorkerd(pid: string): boolean {
  try {
    // proc(5): pid (comm) state ppid
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.startsWith(`${pid} (workerd) `) && stat.split(" ")[3] === String(process.pid);
  } catch {
    return false; // it has ended since the folder was read
  }
}

/**
 * Kills a process as it enters a system call, which is not carried out any more: at a place of its
 * program that no kill from outside would hit.
 * @param call its name and, if need be, how often it is let pass before
 * @returns once the process is watched; `killed` settles when it is gone
 */
export async function killAt(
  pid: number,
  call: { name: string; afterCalls?: number },
): Promise<{ killed: Promise<unknown> }> {
  const { name, afterCalls = 0 } = call;
  // strace(1): SIGKILL at the call's entry, and from then on no such call of any thread is made.
  const inject = `inject=${name}:error=EIO:signal=SIGKILL:when=${afterCalls + 1}+`;
  const args = ["-f", "-p", String(pid), "-e", `trace=${name}`, "-e", inject];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  const killed = once(strace, "close");
  let said = "";
  await new Promise<void>((resolve, reject) => {
    strace.on("error", reject);
    strace.on("close", () => reject(new Error(`strace ended: ${said}`)));
    strace.stderr.on("data", (chunk) => {
      said += chunk;
      if (said.includes(" attached")) resolve();
    });
  });
  return { killed };
}
