import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DemoDesktop, startDemo } from "../../demo/server.ts";
import { TestClient } from "./client.ts";

const SERVER_INIT = Buffer.from([
  ...[0x02, 0x80, 0x01, 0xe0], // 640 x 480
  ...[32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 0, 8, 16, 0, 0, 0],
  ...[0, 0, 0, 3, 0x53, 0x65, 0x61], // "Sea"
]);

let demo: DemoDesktop;

beforeEach(async () => {
  demo = await startDemo({ width: 640, height: 480, name: "Sea" });
});

afterEach(() => demo.close());

/** Sends one part after the other, each once the server's answer to the one before has come. */
async function exchange(steps: readonly [string | number[], string | number[]][]) {
  const client = await TestClient.dial(demo.port);
  expect((await client.read(12)).toString()).toBe("RFB 003.008\n");
  for (const [sent, answer] of steps) {
    client.send(sent);
    const expected = Buffer.from(answer as string, "latin1");
    expect(await client.read(expected.length)).toEqual(expected);
  }
  return client;
}

describe("the handshake", () => {
  test("of RFB 3.8 lists None, confirms it and then tells size, format and name", async () => {
    const client = await exchange([
      ["RFB 003.008\n", [1, 1]],
      [[1], [0, 0, 0, 0]],
    ]);
    client.send([1]);
    expect(await client.read(SERVER_INIT.length)).toEqual(SERVER_INIT);
    expect(demo.clients()).toBe(1);
  });

  test("of RFB 3.7 has no security result after None", async () => {
    const client = await exchange([["RFB 003.007\n", [1, 1]]]);
    client.send([1], [0]);
    expect(await client.read(SERVER_INIT.length)).toEqual(SERVER_INIT);
  });

  test.each(["003.003", "003.005", "003.889"])("of RFB %s is that of 3.3", async (version) => {
    const client = await exchange([[`RFB ${version}\n`, [0, 0, 0, 1]]]);
    client.send([0]);
    expect(await client.read(SERVER_INIT.length)).toEqual(SERVER_INIT);
  });

  test("survives every byte coming by itself", async () => {
    const client = await TestClient.dial(demo.port);
    for (const byte of Buffer.from("RFB 003.008\n\x01\x01", "latin1")) {
      client.send([byte]);
      await new Promise(setImmediate);
    }
    await client.read(12 + 2 + 4);
    expect(await client.read(SERVER_INIT.length)).toEqual(SERVER_INIT);
  });

  test("of RFB 3.8 refuses a security type that was not offered, with the reason", async () => {
    const client = await exchange([["RFB 003.008\n", [1, 1]]]);
    client.send([2]);
    expect(await client.read(4)).toEqual(Buffer.from([0, 0, 0, 1]));
    const reason = await client.read((await client.read(4)).readUInt32BE());
    expect(reason.toString()).toBe("Only the security type None is offered.");
    await client.ended();
  });

  test.each(["HTTP/1.1 GET", "RFB 004.000\n", "RFB 003.0088"])(
    "ends a connection that begins with %j",
    async (line) => {
      const client = await TestClient.dial(demo.port);
      client.send(line);
      await client.ended();
      expect(demo.clients()).toBe(0);
    },
  );

  test("counts no client before it is complete", async () => {
    await exchange([
      ["RFB 003.008\n", [1, 1]],
      [[1], [0, 0, 0, 0]],
    ]);
    expect(demo.clients()).toBe(0);
  });
});
