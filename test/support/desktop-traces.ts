import { readdirSync, readFileSync } from "node:fs";

/**
 * The ids of the processes that the programs of desktops became.
 * @param tmp where their agent puts the folders of desktops
 * @param agent its own process
 * @param name of the program's file
 */
export function desktopProcesses(tmp: string, agent: number | undefined, name = ""): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(agent)) return false;
    try {
      const state = /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
      const environ = readFileSync(`/proc/${pid}/environ`, "latin1");
      const command = readFileSync(`/proc/${pid}/cmdline`, "latin1");
      const isOurs = environ.includes(tmp) || /\0sleep\0?100\d/.test(`\0${command}`);
      return state !== "Z" && isOurs && command.split("\0", 1)[0]?.endsWith(name) === true;
    } catch {
      return false; // it has gone
    }
  });
}

/** What is left on this machine of desktops: processes, files, listeners. */
export function desktopLeftovers(
  tmp: string,
  agent: number | undefined,
  ports: readonly number[],
): string[] {
  const listening = readFileSync("/proc/net/tcp", "latin1");
  return [
    ...desktopProcesses(tmp, agent).map((pid) => `process ${pid}`),
    ...readdirSync(tmp).map((name) => `folder ${name}`),
    ...ports.flatMap((port) => {
      const display = port - 5900;
      const hex = port.toString(16).toUpperCase().padStart(4, "0");
      return [
        ...(listening.includes(`0100007F:${hex} 00000000:0000 0A`) ? [`port ${port}`] : []),
        ...readdirSync("/tmp").filter((name) => name === `.X${display}-lock`),
        ...readdirSync("/tmp/.X11-unix").filter((name) => name === `X${display}`),
      ];
    }),
  ];
}
