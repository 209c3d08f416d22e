import { generateKeyPairSync, randomUUID } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { CompactSign, importPKCS8, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { parseAllowedTarget } from "../../agent/allow-list.ts";
import { dialOptions, edgeSocketUrl } from "../../agent/dial.ts";
import { type Identity, newKeyPair, signToken } from "../../agent/identity.ts";
import { placeName } from "../../protocol/addresses.ts";
import type { Host, JoinToken, Page } from "../../protocol/api.ts";
import { LINK_PING } from "../../protocol/limits.ts";
import { bearer, readAnswer } from "../support/call.ts";
import { People } from "../support/people.ts";
import { type Rig, runTestAgent, startRig } from "../support/rig.ts";
import { greetAndEcho, TcpServer } from "../support/tcp-server.ts";
import { Viewer } from "../support/viewer.ts";

let rig: Rig;
let people: People;

beforeAll(async () => {
  rig = await startRig();
  people = new People(rig);
});

afterAll(() => rig.stop());

describe("an agent whose edge was taken over", () => {
  let edge: WebSocketServer;
  let server: TcpServer;
  let connections = 0;

  beforeAll(async () => {
    edge = new WebSocketServer({ host: "127.0.0.1", port: 0 });
    await once(edge, "listening");
    server = await TcpServer.listen((socket) => {
      connections++;
      greetAndEcho(socket);
    });
  });

  afterAll(async () => {
    edge.close();
    await server.close();
  });

  /** What the agent answers when its edge says this on the link. */
  async function ask(message: object): Promise<unknown> {
    const { privateKey } = newKeyPair();
    const url = `http://127.0.0.1:${(edge.address() as AddressInfo).port}`;
    const identity = { edge: url, host_id: "h", name: "h", private_key: privateKey };
    const linked = once(edge, "connection");
    const agent = runTestAgent(identity, [parseAllowedTarget("127.0.0.1:5900-5999")]);
    const [link] = (await linked) as [WebSocket];
    const answered = new Promise((resolve) => {
      link.on("message", (data) => {
        if (String(data) === LINK_PING) return;
        const said = JSON.parse(String(data));
        if (!["hello", "displays"].includes(said.type)) resolve(said);
      });
    });
    link.send(JSON.stringify(message));
    const answer = await answered;
    await agent.stop();
    return answer;
  }

  const open = (host: string, port: number, role = "control") =>
    ask({
      type: "open",
      stream: "s",
      token: "t".repeat(43),
      session: "x",
      target: { host, port },
      role,
      clipboard: "both",
    });

  it.each([
    ["127.0.0.1", 22],
    ["10.0.0.1", 5900],
    ["169.254.169.254", 80],
    ["localhost", 5900],
    ["vnc.internal.example", 5900],
    ["127.0.0.1.nip.io", 5900],
    ["0.0.0.0", 5900],
    ["::1", 5900],
    ["127.1", 5900],
  ])("refuses to dial %s:%i, and says whose decision that is", async (host, port) => {
    expect(await open(host, port)).toEqual({
      type: "failed",
      stream: "s",
      code: 4403,
      message: `The agent's owner does not allow ${placeName(host, port)}; see its --allow.`,
    });
  });

  it("does not so much as connect to what its owner does not allow", async () => {
    for (const host of ["127.0.0.1", "localhost"]) {
      expect(await open(host, server.port)).toMatchObject({ type: "failed", code: 4403 });
    }
    expect(connections).toBe(0);
  });
});

/** The stable code with which an agent's upgrade is refused. */
async function refusal(identity: Identity, token: string, path = "/agent/link"): Promise<string> {
  const url = edgeSocketUrl(rig.edge.url, path);
  const socket = new WebSocket(url, dialOptions(identity.edge, token));
  const refused = once(socket, "unexpected-response");
  socket.on("error", () => {}); // of terminate(), below
  const answer = await readAnswer((await refused)[1]);
  socket.terminate();
  return answer.code;
}

async function dialLink(identity: Identity): Promise<WebSocket> {
  const url = edgeSocketUrl(identity.edge, "/agent/link");
  const link = new WebSocket(url, dialOptions(identity.edge, await signToken(identity)));
  await once(link, "open");
  return link;
}

describe("an agent's token", () => {
  let identity: Identity;
  const now = () => Math.floor(Date.now() / 1000);
  const claims = () => ({
    iss: identity.host_id,
    sub: identity.host_id,
    aud: rig.edge.url,
    iat: now(),
    exp: now() + 60,
    jti: randomUUID(),
  });
  const sign = async (changes: object, privateKey = identity.private_key) =>
    new SignJWT({ ...claims(), ...changes })
      .setProtectedHeader({ alg: "EdDSA" })
      .sign(await importPKCS8(privateKey, "EdDSA"));

  beforeAll(async () => {
    identity = await rig.enrol();
  });

  it("as this test makes it is taken, so that what is refused below is refused for its reason", async () => {
    const url = edgeSocketUrl(identity.edge, "/agent/link");
    const link = new WebSocket(url, dialOptions(identity.edge, await sign({})));
    await once(link, "open");
    link.terminate();
  });

  it("without a signature (alg none) is refused", async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    for (const alg of ["none", "None", ""]) {
      const token = `${part({ alg, typ: "JWT" })}.${part(claims())}.`;
      expect(await refusal(identity, token)).toBe("agent_token");
    }
  });

  it("with a swapped algorithm (HS256 with the public key as its secret) is refused", async () => {
    const query = "SELECT public_key FROM host";
    const [row] = await rig.stored("VncHost", identity.host_id, query);
    const { public_key } = row as { public_key: string };
    const payload = new TextEncoder().encode(JSON.stringify(claims()));
    for (const secret of [Buffer.from(public_key, "base64url"), Buffer.from(public_key)]) {
      const signer = new CompactSign(payload).setProtectedHeader({ alg: "HS256" });
      expect(await refusal(identity, await signer.sign(secret))).toBe("agent_token");
    }
  });

  it("of another host's key, or of no host's, is refused", async () => {
    const other = await rig.enrol();
    expect(await refusal(identity, await sign({}, other.private_key))).toBe("agent_token");
    const foreign = { iss: other.host_id };
    expect(await refusal(identity, await sign(foreign))).toBe("agent_token");
    const nobody = { iss: "nobody", sub: "nobody" };
    expect(await refusal(identity, await sign(nobody))).toBe("agent_unknown");
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    const signer = new SignJWT(claims()).setProtectedHeader({ alg: "RS256" });
    expect(await refusal(identity, await signer.sign(rsa))).toBe("agent_token");
  });

  it.each([
    ["for another edge", { aud: "https://edge.example" }, "agent_token"],
    ["about another host", { sub: "another" }, "agent_token"],
    ["that lives for an hour", { exp: now() + 3600 }, "agent_token"],
    ["without a name of its own", { jti: undefined }, "agent_token"],
    ["without an end", { exp: undefined }, "agent_token"],
    ["that is old", { iat: now() - 600, exp: now() - 540 }, "agent_clock"],
    ["from the future", { iat: now() + 600, exp: now() + 660 }, "agent_clock"],
  ])("%s is refused", async (_what, changes, code) => {
    expect(await refusal(identity, await sign(changes))).toBe(code);
  });

  it("that was used is refused, also for its own host", async () => {
    const token = await sign({});
    const url = edgeSocketUrl(identity.edge, "/agent/link");
    const link = new WebSocket(url, dialOptions(identity.edge, token));
    await once(link, "open");
    expect(await refusal(identity, token)).toBe("agent_replay");
    link.terminate();
  });
});

describe("a host that is revoked while connected", () => {
  it("has its viewers cut, even if its agent does not let go of them", async () => {
    const identity = await rig.enrol();
    const link = await dialLink(identity);
    const asked = once(link, "message");
    const body = { host_id: identity.host_id, port: 5900 };
    const { session_id } = await rig.api.createSession(body);
    const viewer = new Viewer((await rig.api.ticket(session_id)).websocket_url);
    const open = JSON.parse(String((await asked)[0]));
    const url = edgeSocketUrl(identity.edge, `/agent/stream/${open.session}/${open.stream}`);
    const stream = new WebSocket(url, dialOptions(identity.edge, open.token));
    await once(stream, "open");
    stream.send(Buffer.from("hello"));
    await viewer.receive(5);

    const linkClosed = once(link, "close");
    const streamClosed = once(stream, "close");
    await rig.api.removeHost(identity.host_id);
    expect((await linkClosed)[0]).toBe(4401);
    // Nobody said goodbye to it, so it shows as 1006; dialling again says why.
    expect((await viewer.closed).code).toBe(1006);
    await streamClosed;
    expect(await refusal(identity, await signToken(identity))).toBe("agent_unknown");
  });
});

describe("a join token", () => {
  const make = async () =>
    (await people.asAdmin("POST", "/api/hosts/join-tokens", {})).json<JoinToken>();
  const join = (token: string, name = "joiner") => {
    const { publicKey } = newKeyPair();
    const body = { token, public_key: publicKey, name };
    return people.call("/api/agent/join", { method: "POST", body });
  };
  const hostsNamed = async (name: string) => {
    const page = (await people.asAdmin("GET", "/api/hosts")).json<Page<Host>>();
    return page.items.filter((host) => host.name === name);
  };

  it("works once", async () => {
    const { token } = await make();
    expect((await join(token, "once")).status).toBe(201);
    expect(await join(token, "once")).toMatchObject({ status: 401, code: "bad_join_token" });
    expect(await hostsNamed("once")).toHaveLength(1);
  });

  it("makes one host of five that come with it at once", async () => {
    const { token } = await make();
    const answers = await Promise.all(Array.from({ length: 5 }, () => join(token, "one of five")));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 401, 401, 401, 401]);
    expect(await hostsNamed("one of five")).toHaveLength(1);
  });

  it("that is older than an hour is refused", async () => {
    const { token, token_id } = await make();
    // An hour passes for it: its row is made older, the clock is left alone.
    const age = `UPDATE join_tokens SET expires_at = expires_at - 3600001 WHERE token_id = '${token_id}'`;
    await rig.stored("Registry", "registry", age);
    expect((await join(token)).code).toBe("bad_join_token");
  });

  it("is listed without its secret until it is revoked, and then refused", async () => {
    const { token, token_id } = await make();
    const list = () => people.asAdmin("GET", "/api/hosts/join-tokens");
    expect((await list()).text).toContain(token_id);
    expect((await list()).text).not.toContain(token);
    const rows = await rig.stored("Registry", "registry", "SELECT * FROM join_tokens");
    expect(JSON.stringify(rows)).not.toContain(token);
    const path = `/api/hosts/join-tokens/${token_id}`;
    expect((await people.asAdmin("DELETE", path)).status).toBe(204);
    expect((await list()).text).not.toContain(token_id);
    expect((await join(token)).code).toBe("bad_join_token");
    expect((await people.asAdmin("DELETE", path)).code).toBe("no_such_join_token");
  });

  it("is no key: it opens nothing else", async () => {
    const { token } = await make();
    expect((await people.call("/api/hosts", { headers: bearer(token) })).status).toBe(401);
  });
});

describe("a ticket", () => {
  it("that is older than a minute is refused", async () => {
    const identity = await rig.enrol();
    const body = { host_id: identity.host_id, port: 5900 };
    const { session_id } = await rig.api.createSession(body);
    const { ticket } = await rig.api.ticket(session_id);
    // A minute passes for it: its row is made older, the clock is left alone.
    const age = "UPDATE tickets SET expires_at = expires_at - 60001";
    await rig.stored("VncSession", session_id, age);
    expect((await people.stream(session_id, { ticket }).closed).code).toBe(4401);
  });
});
