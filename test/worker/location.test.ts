import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signToken } from "../../agent/identity.ts";
import { locationHint, type Whereabouts } from "../../worker/location.ts";
import { bearer } from "../support/call.ts";
import { type Rig, startRig } from "../support/rig.ts";
import { dialLink } from "../support/stream-stage.ts";

describe("the region near a request's origin", () => {
  it.each<[string, Whereabouts, string | undefined]>([
    ["San Francisco", { continent: "NA", country: "US", longitude: "-122.41940" }, "wnam"],
    ["New York", { continent: "NA", country: "US", longitude: "-74.00600" }, "enam"],
    ["somewhere in North America", { continent: "NA" }, "enam"],
    ["São Paulo", { continent: "SA", country: "BR", longitude: "-46.63330" }, "sam"],
    ["Lisbon", { continent: "EU", country: "PT", longitude: "-9.13930" }, "weur"],
    ["Warsaw", { continent: "EU", country: "PL", longitude: "21.01220" }, "eeur"],
    ["somewhere in Europe", { continent: "EU" }, "weur"],
    ["Dubai", { continent: "AS", country: "AE", longitude: "55.27080" }, "me"],
    ["Tokyo", { continent: "AS", country: "JP", longitude: "139.69170" }, "apac"],
    ["Sydney", { continent: "OC", country: "AU", longitude: "151.20930" }, "oc"],
    ["Lagos", { continent: "AF", country: "NG", longitude: "3.37920" }, "afr"],
    ["a Tor exit", { country: "T1" }, undefined],
    ["Antarctica", { continent: "AN" }, undefined],
    ["one machine", {}, undefined],
  ])("of %s", (_city, whereabouts, hint) => {
    expect(locationHint(whereabouts)).toBe(hint);
  });
});

describe("a host", () => {
  let rig: Rig;

  beforeAll(async () => {
    rig = await startRig();
  });

  afterAll(() => rig.stop());

  type HostObject = {
    fetch(url: string, init: object): Promise<Response>;
    location(): Promise<string | null>;
  };

  async function objectOf(hostId: string): Promise<HostObject> {
    const namespace = await rig.edge.miniflare.getDurableObjectNamespace("VNC_HOST", "porthole");
    // Miniflare does not know the object's class, so its stub has no methods by type.
    return namespace.get(namespace.idFromName(hostId)) as unknown as HostObject;
  }

  it("is where its last link came from, as the Worker says", async () => {
    const identity = await rig.enrol();
    const host = await objectOf(identity.host_id);
    expect(await host.location()).toBeNull();
    // What the Worker passes on of a link that came through Cloudflare's network.
    const link = async (location: string) => {
      const headers = {
        ...bearer(await signToken(identity)),
        upgrade: "websocket",
        "x-porthole-audience": rig.edge.url,
        "x-porthole-location": location,
      };
      const { status } = await host.fetch("https://host/link", { headers });
      expect(status).toBe(101);
    };
    await link("weur");
    expect(await host.location()).toBe("weur");
    await link("oc");
    expect(await host.location()).toBe("oc");
    expect(await rig.stored("VncHost", identity.host_id, "SELECT 1 FROM host")).toHaveLength(1);
  });

  it("cannot say itself where it is", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity, { "x-porthole-location": "oc" });
    expect(await (await objectOf(identity.host_id)).location()).toBeNull();
    link.terminate();
  });
});
