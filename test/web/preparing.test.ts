import { beforeEach, describe, expect, it } from "vitest";
import { PREPARING_POLL_MS } from "../../web/viewer/connection.ts";
import { NotReadyError } from "../../web/viewer/states.ts";
import { FakeSurroundings } from "./fake-surroundings.ts";

const QUEUED = new NotReadyError("queued", "It waits for room on a host.");
const STARTING = new NotReadyError("starting", "Its desktop is starting.");

let page: FakeSurroundings;

beforeEach(async () => {
  page = new FakeSurroundings();
  page.connection.dial();
  await page.refuse(QUEUED);
});

describe("a desktop that is being made ready", () => {
  it("is waited for with the reason, and asked for without a flicker until it is there", async () => {
    page.advance(PREPARING_POLL_MS);
    await page.refuse(STARTING);
    page.advance(PREPARING_POLL_MS);
    await page.connect();
    expect(page.states).toEqual([
      { kind: "connecting" },
      { kind: "preparing", status: "queued", reason: "It waits for room on a host." },
      { kind: "preparing", status: "starting", reason: "Its desktop is starting." },
      { kind: "connecting" },
      { kind: "connected" },
    ]);
  });

  it("is asked for at once when somebody looks at the page again, and seldom while nobody does", async () => {
    page.hidden = true;
    page.advance(PREPARING_POLL_MS);
    await page.refuse(QUEUED);
    page.advance(29_000);
    expect(page.tickets).toHaveLength(2);
    page.hidden = false;
    page.connection.wake();
    expect(page.tickets).toHaveLength(3);
    // It is being asked already.
    page.connection.wake();
    expect(page.tickets).toHaveLength(3);
  });

  it("is dialled again as any other once it was seen", async () => {
    page.advance(PREPARING_POLL_MS);
    (await page.connect()).events.closed(4503, "The host is offline.");
    expect(page.state).toMatchObject({ kind: "waiting", reason: "The host is offline." });
  });
});
