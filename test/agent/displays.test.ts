import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { parseAllowedTarget } from "../../agent/allow-list.ts";
import { DisplayFinder } from "../../agent/displays.ts";
import { greet } from "../../agent/rfb/greeting.ts";
import { placeName } from "../../protocol/addresses.ts";
import { OWN_IPV6, ownAddress } from "../support/own-address.ts";
import { isFree } from "../support/porthole.ts";
import { RecordingServer } from "../support/recording-server.ts";
import { greetAndEcho, RFB_GREETING, TcpServer } from "../support/tcp-server.ts";
import { startXvnc, type Xvnc } from "../support/xvnc.ts";

/** More often than TigerVNC's BlacklistThreshold (5) lets an address connect without logging in. */
const SCANS = 12;

/** Of another machine, wherever this one is (RFC 5737). */
const NOT_OURS = "198.51.100.1";

const servers: { close(): Promise<void> }[] = [];
const desktops: Xvnc[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
  for (const desktop of desktops.splice(0)) await desktop.kill();
});

async function serve(...args: Parameters<typeof TcpServer.listen>): Promise<TcpServer> {
  const server = await TcpServer.listen(...args);
  servers.push(server);
  return server;
}

/** The highest that nobody listens on: tests that start desktops take the low ones. */
async function freeDisplayPort(): Promise<number> {
  for (let port = 5999; port >= 5900; port--) if (await isFree(port)) return port;
  throw new Error("Every port of a display is taken.");
}

const finderOf = (...ports: number[]) =>
  new DisplayFinder(ports.map((port) => parseAllowedTarget(`127.0.0.1:${port}`)));

describe("looking for displays", () => {
  it("finds VNC servers by their greeting and nothing else", async () => {
    const vnc = await RecordingServer.start();
    servers.push(vnc);
    const ssh = await serve((socket) => socket.write("SSH-2.0-OpenSSH_9.2p1\r\n"));
    const web = await serve((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const silent = await serve(() => {});
    const closed = await serve(() => {});
    await closed.close();
    servers.pop();
    const ports = [vnc, ssh, web, silent, closed].map((server) => server.port);
    expect(await finderOf(...ports).find()).toEqual([
      {
        port: vnc.port,
        display: null,
        name: null,
        security: ["None"],
        width: null,
        height: null,
      },
    ]);
  });

  it("asks a server once, and again only when another one listens there", async () => {
    let asked = 0;
    const count = (socket: Parameters<typeof greetAndEcho>[0]) => {
      asked++;
      greetAndEcho(socket);
    };
    const first = await serve(count);
    const finder = finderOf(first.port);
    for (let n = 0; n < 3; n++) expect(await finder.find()).toHaveLength(1);
    expect(asked).toBe(1);
    await first.close();
    servers.pop();
    expect(await finder.find()).toEqual([]);
    await serve(count, first.port);
    expect(await finder.find()).toHaveLength(1);
    expect(asked).toBe(2);
  });

  it("takes a server that greets and says no more for a display, of unknown security", async () => {
    const server = await serve((socket) => {
      socket.write(RFB_GREETING);
      socket.once("data", () => socket.end());
    });
    expect(await finderOf(server.port).find()).toMatchObject([{ security: [] }]);
  });

  it("finds them also where far more ports are allowed than it would ask", async () => {
    const vnc = await serve(greetAndEcho);
    const wide = new DisplayFinder([parseAllowedTarget("127.0.0.1:1024-65535")]);
    expect((await wide.find()).map(({ port }) => port)).toContain(vnc.port);
  });

  it("finds them on other addresses of the machine, where those are allowed, and says where", async () => {
    const [own, port] = ["127.0.0.2", 0]; // any of 127.0.0.0/8 is this machine's
    const there = await serve(greetAndEcho, port, own);
    const everywhere = await serve(greetAndEcho, port, "0.0.0.0");
    const both = finderOf(there.port, everywhere.port);
    expect(await both.find()).toMatchObject([{ port: everywhere.port, address: "0.0.0.0" }]);
    const allowed = new DisplayFinder([parseAllowedTarget(`${own}:${there.port}`)]);
    expect(await allowed.find()).toMatchObject([{ port: there.port, address: own }]);
  });

  it.each(OWN_IPV6)("finds one that listens on %s alone", async (own) => {
    const there = await serve(greetAndEcho, 0, own);
    const finder = new DisplayFinder([parseAllowedTarget(`[${own}]:${there.port}`)]);
    expect(await finder.find()).toMatchObject([{ port: there.port, address: own }]);
  });

  // Where IPv6 is switched off, nobody can listen on it.
  it.runIf(OWN_IPV6.length > 0)(
    "takes one that listens on every address of IPv6 for one on every address",
    async () => {
      const everywhere = await serve(greetAndEcho, 0, "::");
      const found = await finderOf(everywhere.port).find();
      expect(found).toMatchObject([{ port: everywhere.port, address: "0.0.0.0" }]);
    },
  );

  it.each([NOT_OURS, ownAddress(), ...OWN_IPV6])(
    "finds one on every address where only %s is allowed, if that is this machine's",
    async (only) => {
      const everywhere = await serve(greetAndEcho, 0, only.includes(":") ? "::" : "0.0.0.0");
      const target = parseAllowedTarget(placeName(only, everywhere.port));
      const found = await new DisplayFinder([target]).find();
      const there = [{ port: everywhere.port, address: only }];
      expect(found).toMatchObject(only === NOT_OURS ? [] : there);
    },
  );

  it.runIf(OWN_IPV6.includes("::1"))(
    "shows one that listens on both loopbacks, as TigerVNC's does, as one",
    async () => {
      const here = await serve(greetAndEcho);
      await serve(greetAndEcho, here.port, "::1");
      const both = ["127.0.0.1", "[::1]"].map((own) => parseAllowedTarget(`${own}:${here.port}`));
      const found = await new DisplayFinder(both).find();
      expect(found.map(({ address }) => address)).toEqual([undefined]);
      const one = [parseAllowedTarget(`[::1]:${here.port}`)];
      expect(await new DisplayFinder(one).find()).toMatchObject([{ address: "::1" }]);
    },
  );

  it("numbers a display only where its port is that of one", async () => {
    const ports = [await freeDisplayPort(), 0];
    const found = [];
    for (const port of ports) {
      const { port: at } = await serve(greetAndEcho, port);
      found.push(...(await finderOf(at).find()));
    }
    expect(found.map(({ display }) => display)).toEqual([(ports[0] ?? 0) - 5900, null]);
  });

  it("tells two servers apart that listen on one port of two addresses", async () => {
    const here = await serve(greetAndEcho);
    await serve(greetAndEcho, here.port, "127.0.0.2");
    const finder = new DisplayFinder(
      ["127.0.0.1", "127.0.0.2"].map((own) => parseAllowedTarget(`${own}:${here.port}`)),
    );
    const found = await finder.find();
    expect(found.map(({ address }) => address).sort()).toEqual(["127.0.0.2", undefined]);
  });

  it("knows of each what its own viewer saw, wherever that one was dialled", async () => {
    const here = await serve(greetAndEcho);
    await serve(greetAndEcho, here.port, "127.0.0.2");
    const everywhere = await serve(greetAndEcho, 0, "0.0.0.0");
    const finder = new DisplayFinder(
      ["127.0.0.1", "127.0.0.2"].flatMap((own) =>
        [here, everywhere].map(({ port }) => parseAllowedTarget(`${own}:${port}`)),
      ),
    );
    await finder.find();
    const size = { width: 800, height: 600 };
    finder.describe({ host: "127.0.0.2", port: here.port }, { ...size, name: "there" });
    finder.describe({ host: "127.0.0.2", port: everywhere.port }, { ...size, name: "everywhere" });
    // Of the one on loopback nothing is known, nor of an address where none listens.
    finder.describe({ host: "127.0.0.3", port: here.port }, { ...size, name: "nowhere" });
    const names = (await finder.find()).map(({ address = "127.0.0.1", name }) => [address, name]);
    expect(Object.fromEntries(names)).toEqual({
      "127.0.0.1": null,
      "127.0.0.2": "there",
      "0.0.0.0": "everywhere",
    });
  });

  it("leaves no connection open", async () => {
    const vnc = await serve(greetAndEcho);
    const silent = await serve(() => {});
    await finderOf(vnc.port, silent.port).find();
    await vnc.connections(0);
    await silent.connections(0);
  });

  it.each(["None", "VncAuth"])(
    "many times does not make TigerVNC (%s) shut this machine out",
    async (security) => {
      const folder = mkdtempSync(join(tmpdir(), "porthole-passwd-"));
      const passwordFile = join(folder, "passwd");
      writeFileSync(passwordFile, randomBytes(8));
      const desktop = await startXvnc(31, {
        args: ["-SecurityTypes", security, "-rfbauth", passwordFile],
      });
      desktops.push(desktop);
      const finder = finderOf(desktop.port);
      for (let n = 0; n < SCANS; n++) {
        const name = security === "None" ? "None" : "VNC password";
        expect(await finder.find()).toMatchObject([{ port: desktop.port, security: [name] }]);
      }
      // A server that shuts an address out greets with 3.3, so as to say so in the old way.
      const { socket, received } = await greet({ host: "127.0.0.1", port: desktop.port }, 5_000);
      expect(received.toString()).toBe(RFB_GREETING);
      socket.destroy();
      rmSync(folder, { recursive: true });
    },
  );
});
