import type { ServerConsole, ServerLookUp } from "../protocol/api.ts";
import { call, callForJson } from "./call.ts";

/** The edge asks the panel up to twice, which has 10 s for each answer; and others may be before us. */
const PANEL_TIMEOUT_MS = 60_000;

/** What the panel says of a server's VNC now, and the session that shows it. Changes nothing. */
export function lookUpServer(serverId: string, signal?: AbortSignal): Promise<ServerLookUp> {
  return callForJson("GET", `/api/servers/${serverId}/vnc`, {
    signal,
    timeoutMs: PANEL_TIMEOUT_MS,
  });
}

/** Sees to it that the server's console can be opened. */
export function enableVnc(serverId: string): Promise<ServerConsole> {
  return callForJson("POST", `/api/servers/${serverId}/vnc/enable`, {
    timeoutMs: PANEL_TIMEOUT_MS,
  });
}

/** Ends its session, and has the panel switch VNC off. */
export async function disableVnc(serverId: string): Promise<void> {
  await call("POST", `/api/servers/${serverId}/vnc/disable`, { timeoutMs: PANEL_TIMEOUT_MS });
}
