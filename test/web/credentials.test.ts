import { beforeEach, describe, expect, it } from "vitest";
import { STREAM_SILENCE_MS } from "../../protocol/limits.ts";
import type { FakeStream } from "./fake-surroundings.ts";
import { FakeSurroundings } from "./fake-surroundings.ts";

let page: FakeSurroundings;

beforeEach(() => {
  page = new FakeSurroundings();
  page.connection.dial();
});

async function dialAndBeAsked(): Promise<FakeStream> {
  const stream = await page.grant();
  stream.events.opened();
  stream.events.credentialsRequired(["password"]);
  return stream;
}

describe("a VNC server that asks for a password", () => {
  it("gets the one that was typed, on the same connection", async () => {
    const stream = await dialAndBeAsked();
    expect(page.state).toEqual({ kind: "credentials", fields: ["password"], refusal: null });
    page.connection.submitCredentials({ password: "secret" });
    expect(stream.credentials).toEqual([{ password: "secret" }]);
    expect(page.state).toEqual({ kind: "connecting" });
    stream.events.connected();
    expect(page.state).toEqual({ kind: "connected" });
  });

  it("gets it again without a question when the connection was lost", async () => {
    const first = await dialAndBeAsked();
    page.connection.submitCredentials({ password: "secret" });
    first.events.connected();
    first.events.closed(1006, "");
    page.advance(1_000);
    const second = await dialAndBeAsked();
    expect(second.credentials).toEqual([{ password: "secret" }]);
    expect(page.state.kind).toBe("reconnecting");
  });

  it("that does not accept it is quoted, and the person asked again before any dial", async () => {
    const stream = await dialAndBeAsked();
    page.connection.submitCredentials({ password: "wrong" });
    stream.events.refused("Authentication failure");
    expect(page.state).toEqual({
      kind: "credentials",
      fields: ["password"],
      refusal: "The desktop did not let you in: Authentication failure.",
    });
    page.advance(600_000);
    expect(page.tickets).toHaveLength(1);

    page.connection.submitCredentials({ password: "right" });
    const second = await dialAndBeAsked();
    expect(second.credentials).toEqual([{ password: "right" }]);
  });

  it("that hangs up on a wrong password is not given the same one by itself", async () => {
    const stream = await dialAndBeAsked();
    page.connection.submitCredentials({ password: "wrong" });
    stream.events.closed(4502, "The VNC server closed the connection.");
    expect(page.state).toEqual({
      kind: "credentials",
      fields: ["password"],
      refusal: "The VNC server closed the connection.",
    });
    expect(page.pendingTimers).toBe(0);
  });

  it("that grows tired of waiting leaves the form standing; its answer dials", async () => {
    const stream = await dialAndBeAsked();
    stream.events.closed(4502, "The VNC server closed the connection.");
    expect(page.state.kind).toBe("credentials");
    page.connection.submitCredentials({ password: "secret" });
    const second = await dialAndBeAsked();
    expect(second.credentials).toEqual([{ password: "secret" }]);
  });

  it("and falls silent meanwhile leaves the form standing", async () => {
    await dialAndBeAsked();
    page.advance(STREAM_SILENCE_MS * 2);
    expect(page.state.kind).toBe("credentials");
    expect(page.stream.hungUp).toBe(true);
  });

  it("in a session that ends meanwhile shows the end", async () => {
    const stream = await dialAndBeAsked();
    stream.events.closed(4410, "The session has ended.");
    expect(page.state).toMatchObject({ kind: "ended", action: "open-again" });
  });

  it("and is left alone after wrong ones is dialled when that is over, with what was typed", async () => {
    const stream = await dialAndBeAsked();
    page.connection.submitCredentials({ password: "wrong" });
    stream.events.refused("Authentication failed");
    page.connection.submitCredentials({ password: "right" });
    const reason =
      "The VNC server on port 5901 is left alone after failed logins; try again in 30 s.";
    (await page.grant()).events.closed(4429, reason);
    const retryAt = page.time + 31_000;
    expect(page.state).toEqual({ kind: "waiting", reason, retryAt, keeps: true });
    page.advance(30_999);
    page.connection.wake();
    expect(page.tickets).toHaveLength(2);
    page.advance(1);
    expect((await dialAndBeAsked()).credentials).toEqual([{ password: "right" }]);
  });

  it("and is left alone is dialled at once when a person says so", async () => {
    (await page.grant()).events.closed(4429, "It is left alone; try again in 2 min.");
    expect(page.state).toMatchObject({ retryAt: page.time + 121_000 });
    page.connection.dial();
    expect(page.tickets).toHaveLength(2);
  });

  it("and also for a name is not answered with a password alone", async () => {
    const first = await dialAndBeAsked();
    page.connection.submitCredentials({ password: "secret" });
    first.events.connected();
    first.events.closed(1006, "");
    page.advance(1_000);
    const second = await page.grant();
    second.events.credentialsRequired(["username", "password"]);
    expect(second.credentials).toEqual([]);
    expect(page.state).toMatchObject({ fields: ["username", "password"] });
  });
});

describe("a VNC server that refuses before it asks", () => {
  it("is dialled again after a wait, and quoted", async () => {
    const stream = await page.grant();
    stream.events.refused("Too many security failures");
    expect(page.state).toMatchObject({
      kind: "waiting",
      reason: "The VNC server refused the connection: Too many security failures.",
    });
  });

  it("is not taken to have refused a password that it never saw", async () => {
    const first = await dialAndBeAsked();
    page.connection.submitCredentials({ password: "secret" });
    first.events.connected();
    first.events.closed(1006, "");
    page.advance(1_000);
    (await page.grant()).events.refused(null);
    expect(page.state).toMatchObject({
      kind: "waiting",
      reason: "The VNC server refused the connection.",
    });
  });
});

describe("a VNC server that shows a key", () => {
  it("is trusted only after a person said so, and then for this key alone", async () => {
    const first = await page.grant();
    first.events.identityShown("aa-bb");
    expect(page.state).toEqual({ kind: "verifying", fingerprint: "aa-bb" });
    expect(first.approved).toBe(0);
    page.connection.approveServer();
    expect(first.approved).toBe(1);
    first.events.connected();

    first.events.closed(1006, "");
    page.advance(1_000);
    const second = await page.grant();
    second.events.identityShown("aa-bb");
    expect(second.approved).toBe(1);
    second.events.closed(1006, "");
    page.advance(10_000);
    const third = await page.grant();
    third.events.identityShown("cc-dd");
    expect(third.approved).toBe(0);
    expect(page.state).toEqual({ kind: "verifying", fingerprint: "cc-dd" });
  });
});
