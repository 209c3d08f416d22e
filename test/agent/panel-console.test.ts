import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ServerConsole } from "../../protocol/api.ts";
import { bearer } from "../support/call.ts";
import { ServersApi } from "../support/hypervisor.ts";
import { OWN_IPV6 } from "../support/own-address.ts";
import { PanelServer } from "../support/panel-server.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";
import { greetAndEcho, RFB_GREETING, TcpServer } from "../support/tcp-server.ts";

let panel: PanelServer;
let rig: Rig;

beforeAll(async () => {
  panel = await PanelServer.start();
  rig = await startRig(panel.vars);
});

afterAll(async () => {
  await rig.stop();
  await panel.stop();
});

/** Empty on a machine without IPv6, where no console can listen on it. */
const own = OWN_IPV6.find((address) => address !== "::1") ?? "";

/** The long way to write an address of IPv6: `fd00::2` is `FD00:0:0:0:0:0:0:2`. */
function inFull(address: string): string {
  const missing = 9 - address.split(":").length;
  return address.replace("::", `:${"0:".repeat(missing)}`).toUpperCase();
}

describe("a panel's console on an address of IPv6 alone", () => {
  it.runIf(own !== "")(
    "is found by the agent of its hypervisor, shown at each click, and switched on at the first",
    async () => {
      const console = await TcpServer.listen(greetAndEcho, 0, own);
      const agent = await rig.startAgent({ allow: [`[${own}]:${console.port}`] });
      await rig.edgeLog.waitFor("registry.host_addresses", { host: agent.hostId });
      panel.add("7", inFull(own), console.port);
      const people = new People(rig);
      const api = await ServersApi.start(people);
      for (let click = 1; click <= 3; click++) {
        const shown = (await people.wanted(200, api.enable("7"))).json<ServerConsole>();
        expect(shown).toMatchObject({ host_id: agent.hostId, status: "active" });
        const viewer = people.stream(shown.session_id, bearer(ADMIN_TOKEN));
        expect((await viewer.receive(RFB_GREETING.length)).toString()).toBe(RFB_GREETING);
        await viewer.close();
      }
      expect(panel.posts).toHaveLength(1);
      await console.close();
    },
  );
});
