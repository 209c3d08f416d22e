import type { Env } from "../env.ts";
import { ProblemError } from "../problem.ts";
import { virtFusion } from "./virtfusion.ts";

/** What a hosting panel says of the VNC of one of its servers. */
export type ServerVnc = {
  /** As the panel says it. It is no test of whether VNC is switched on. */
  enabled: boolean;
  /** Where the hypervisor listens; null while the panel does not know. */
  listener: { address: string; port: number; password: string | null } | null;
  /** The panel's name for a change that it makes in the background, if it does. */
  queueId: string | null;
};

/**
 * A hosting panel: it knows on which hypervisor a server runs, and switches its VNC on and off. Both
 * throw a {@link ProblemError} with what to do, and neither calls the panel more than once.
 */
export interface HostingPanel {
  /** Looks without changing anything. */
  lookUp(serverId: string): Promise<ServerVnc>;
  /** The password may be another one afterwards, and viewers of the listener may be cut. */
  switchVnc(serverId: string, on: boolean): Promise<ServerVnc>;
}

/**
 * The panel that this edge is configured for.
 * @throws {ProblemError} 501 without one, 503 if its settings cannot be right
 */
export function hostingPanel(env: Env): HostingPanel {
  const { VIRTFUSION_URL: url, VIRTFUSION_TOKEN: token, VIRTFUSION_VNC_BODY: body } = env;
  if (url || token) return virtFusion({ url: url ?? "", token: token ?? "", body });
  throw new ProblemError(
    501,
    "no_panel",
    "This edge has no hosting panel; set VIRTFUSION_URL (a variable) and VIRTFUSION_TOKEN (a secret) to use VirtFusion's.",
  );
}
