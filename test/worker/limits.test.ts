import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { MAX_MESSAGE_BYTES } from "../../protocol/limits.ts";
import { type Answer, bearer, readAnswer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { ADMIN_TOKEN, type Rig, startRig } from "../support/rig.ts";

/** As worker/objects/registry/failures.ts has it: so many wrong secrets an address may say. */
const MAX_FAILURES = 20;

/**
 * The bound is of a minute of the clock: who begins in the middle of one, and is too slow for the
 * rest of it, needs the whole next one.
 */
const A_WHOLE_MINUTE_MS = 180_000;
/** How many upgrades a caller without patience has on their way. */
const AT_ONCE = 20;

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

const login = (admin_token: string, from: string) =>
  people.call("/api/login", { method: "POST", body: { admin_token }, from });
const asBearer = (token: string, from: string) =>
  people.call("/api/hosts", { headers: bearer(token), from });

const codes = (answers: Answer[], code: string) => answers.filter((answer) => answer.code === code);

describe("guessing the admin token", () => {
  it.each([
    ["by signing in", "127.0.0.2", login, 204],
    ["as Bearer", "127.0.0.3", asBearer, 200],
  ])(
    "%s, 40 times at once, is heard 20 times; then even the right one is refused, but not from elsewhere",
    async (_how, from, guess, success) => {
      const guesses = Array.from({ length: 40 }, (_, n) => guess(`guess-${n}`, from));
      const answers = await Promise.all(guesses);
      expect(codes(answers, "bad_credential")).toHaveLength(MAX_FAILURES);
      expect(codes(answers, "too_many_failures")).toHaveLength(MAX_FAILURES);
      expect(await guess(ADMIN_TOKEN, from)).toMatchObject({
        status: 429,
        code: "too_many_failures",
      });
      expect((await guess(ADMIN_TOKEN, "127.0.0.4")).status).toBe(success);
    },
  );

  it("does not shut out a key from the same address: nobody can guess one", async () => {
    const { key } = await people.key("viewer");
    const from = "127.0.0.5";
    for (let n = 0; n < MAX_FAILURES; n++) await login("wrong", from);
    expect((await login(ADMIN_TOKEN, from)).status).toBe(429);
    expect((await asBearer(key, from)).status).toBe(200);
  });

  it("counts no right one as a failure", async () => {
    const from = "127.0.0.6";
    for (let n = 0; n < MAX_FAILURES + 5; n++) {
      expect((await login(ADMIN_TOKEN, from)).status).toBe(204);
    }
  });

  it("is counted for the whole network that one IPv6 customer has", async () => {
    // Named by a variable: the Worker's own types are not those of this project.
    const file = new URL("../../worker/identity/limits.ts", import.meta.url).pathname;
    type Limits = { countedAddress(request: Request): string };
    const { countedAddress } = (await import(file)) as Limits;
    const counted = (address: string) =>
      countedAddress(new Request("http://x", { headers: { "cf-connecting-ip": address } }));
    const network = "2001:db8:1:2::/64";
    expect(counted("2001:db8:1:2::1")).toBe(network);
    expect(counted("2001:0db8:0001:0002:ffff:ffff:ffff:ffff")).toBe(network);
    expect(counted("2001:db8:1:3::1")).not.toBe(network);
    expect(counted("2001:db8::1")).toBe("2001:db8:0:0::/64");
    expect(counted("::1")).toBe("0:0:0:0::/64");
    expect(counted("203.0.113.9")).toBe("203.0.113.9");
  });
});

describe("wrong secrets of other kinds", () => {
  const wrong = "A".repeat(43);
  it.each([
    ["/api/agent/join", { token: wrong, public_key: wrong, name: "x" }, "127.0.0.10"],
    ["/api/login", { link: wrong }, "127.0.0.11"],
  ])("at %s count too", async (path, body, from) => {
    const answers: Answer[] = [];
    for (let n = 0; n <= MAX_FAILURES; n++) {
      answers.push(await people.call(path, { method: "POST", body, from }));
    }
    expect(answers.slice(0, -1).every(({ status }) => status === 401)).toBe(true);
    expect(answers.at(-1)?.code).toBe("too_many_failures");
    expect((await login(ADMIN_TOKEN, from)).status).toBe(429);
  });
});

// Of addresses of their own, and of no other test: they wait at the same time.
describe.concurrent("an address", () => {
  it("that sends secrets without end that never were is not looked up any more, who is known there is", {
    timeout: A_WHOLE_MINUTE_MS,
  }, async () => {
    const from = "127.0.0.23";
    const unknown = () => randomBytes(32).toString("base64url");
    const id = "nobody-knows-this";
    const cookie = (name: string, before = "") => ({ cookie: `${name}=${before}${unknown()}` });
    const kinds = [
      () => people.call("/api/hosts", { headers: cookie("porthole"), from }),
      () => people.call("/api/hosts", { headers: bearer(`phk_${unknown()}`), from }),
      () => people.call("/api/logout", { method: "POST", headers: cookie("porthole"), from }),
      () =>
        people.call(`/api/vnc/session/${id}`, { headers: cookie(`porthole-guest-${id}`), from }),
      () =>
        people.call("/api/chat/support", { headers: cookie("porthole-support", `${id}.`), from }),
    ];
    const known = (await people.key("viewer")).key;
    expect((await asBearer(known, from)).status).toBe(200);
    const isRefused = async () => {
      const answers = await Promise.all(kinds.map((send) => send()));
      // Nor is a good one looked up that nobody has seen before.
      answers.push(await asBearer((await people.key("viewer")).key, from));
      return answers.every(
        ({ status, text }) => status === 429 && text.includes("too_many_attempts"),
      );
    };
    while (!(await isRefused())) {
      for (let n = 0; n < 20; n++) await Promise.all(kinds.map((send) => send()));
    }
    expect((await asBearer(known, from)).status).toBe(200);
    const fresh = (await people.key("viewer")).key;
    expect((await asBearer(fresh, "127.0.0.24")).status).toBe(200);
  });

  it("that signs in without end, even rightly, is told to wait, and others are not", async () => {
    const from = "127.0.0.20";
    let answer = await login(ADMIN_TOKEN, from);
    while (answer.status === 204) answer = await login(ADMIN_TOKEN, from);
    expect(answer).toMatchObject({ status: 429, code: "too_many_attempts" });
    expect((await login(ADMIN_TOKEN, "127.0.0.21")).status).toBe(204);
  });

  it("that opens WebSockets without end is told to wait, and others are not", {
    timeout: A_WHOLE_MINUTE_MS,
  }, async () => {
    const upgrade = [
      "GET /agent/link HTTP/1.1",
      "Host: edge.example",
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
      "\r\n",
    ].join("\r\n");
    const socket = connect({
      port: Number(new URL(rig.edge.url).port),
      localAddress: "127.0.0.22",
    });
    socket.setEncoding("utf8");
    let answered = "";
    // Some are always on their way: the bound is of a minute, which a slow machine needs.
    socket.write(upgrade.repeat(AT_ONCE));
    while (!answered.includes("too_many_upgrades")) {
      const [chunk] = (await once(socket, "data")) as [string];
      socket.write(upgrade.repeat(chunk.split("HTTP/1.1 ").length - 1));
      answered = answered.slice(-2_000) + chunk;
    }
    socket.destroy();
    expect(answered).toContain("HTTP/1.1 429");
    const path = "/vnc-stream/nobody-knows-this";
    expect((await people.socket(path, bearer(ADMIN_TOKEN)).closed).code).toBe(4404);
  });
});

describe.concurrent("a body", () => {
  const start = (headers: Record<string, string> = {}) =>
    request(`${rig.edge.url}/api/vnc/sessions`, {
      method: "POST",
      headers: { ...bearer(ADMIN_TOKEN), "content-type": "application/json", ...headers },
      agent: false,
    });

  it("without end is refused as soon as it is too large", async () => {
    const outgoing = start(); // in chunks: no length says how much is to come
    outgoing.write(Buffer.alloc(MAX_MESSAGE_BYTES + 1, "a"));
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    expect(await readAnswer(response)).toMatchObject({ status: 413, code: "body_too_large" });
    outgoing.destroy();
  });

  it("of exactly 64 KiB is read, one byte more is not", async () => {
    const post = (body: string) => people.asAdmin("POST", "/api/vnc/sessions", body);
    const padding = (bytes: number) => `{"x":"${"a".repeat(bytes - 8)}"}`;
    expect((await post(padding(MAX_MESSAGE_BYTES))).code).toBe("invalid_body");
    expect((await post(padding(MAX_MESSAGE_BYTES + 1))).code).toBe("body_too_large");
  });

  it("that never ends is given up with a 408, and holds up nobody meanwhile", async () => {
    const slow = [start(), start({ "content-length": "1000" })];
    const answers = slow.map(async (outgoing) => {
      outgoing.write('{"host_id":');
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      const answer = await readAnswer(response);
      outgoing.destroy();
      return answer;
    });
    const others = await Promise.all(
      Array.from({ length: 20 }, () => people.asAdmin("GET", "/api/hosts")),
    );
    expect(others.every(({ status }) => status === 200)).toBe(true);
    for (const answer of await Promise.all(answers)) {
      expect(answer).toMatchObject({ status: 408, code: "body_too_slow" });
    }
  });

  it.each(["{", "[]", "null", '"text"', "1", '{"name":1}', '{"name":"x","role":"viewer","x":1}'])(
    "%s is refused with a sentence, and makes nothing",
    async (body) => {
      const answer = await people.asAdmin("POST", "/api/keys", body);
      expect(answer.status).toBe(400);
      expect(answer.json<{ detail: string }>().detail).toMatch(/\w+/);
    },
  );

  it("with __proto__ in it changes nothing for those that follow", async () => {
    const body = '{"__proto__":{"role":"admin"},"name":"x"}';
    expect((await people.asAdmin("POST", "/api/keys", body)).status).toBe(400);
    expect((await people.asAdmin("POST", "/api/keys", { name: "x" })).status).toBe(400);
  });
});
