import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release } from "node:os";
import { join } from "node:path";
import { ROOT } from "../scripts/tool.ts";

/** Where a run was made, and with what. */
export type Machine = {
  cores: number;
  cpu: string;
  kernel: string;
  /** The average number of processes that wanted a core in the minute before. */
  load: number;
  node: string;
  workerd: string;
  socketIo: string;
  websockify: string;
  ssh: string;
};

export function describeMachine(): Machine {
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? "unknown",
    kernel: release(),
    load: Number((loadavg()[0] ?? 0).toFixed(2)),
    node: process.version,
    workerd: versionOf("workerd"),
    socketIo: versionOf("socket.io"),
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is for dpkg-query
    websockify: firstLine("dpkg-query", ["-W", "-f=${Version}", "websockify"]) || "unknown",
    ssh: firstLine("ssh", ["-V"]) || "ssh unknown",
  };
}

function versionOf(name: string): string {
  const manifest = readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}

/** The first line that a program prints, or nothing. */
function firstLine(command: string, args: string[]): string {
  const { stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  return (stdout || stderr || "").split("\n")[0] ?? "";
}
