import { describe, expect, test, vi } from "vitest";
import { startDemo } from "../../demo/server.ts";
import { keyEvent } from "../support/client-messages.ts";
import { TestClient } from "./client.ts";

// A file, and a process, of its own: the handles that another test's sockets still hold would count here.
describe("close()", () => {
  test("ends every connection and leaves no socket and no timer", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const { port, close, clients } = await startDemo();
    const joined = [await TestClient.join(port), await TestClient.join(port)];
    const halfway = await TestClient.dial(port);
    // One of them has far more to take than it reads.
    joined[0]?.request(false);
    joined[0]?.send(keyEvent(true, 0x61));
    await joined[1]?.refresh();
    await close();
    expect(clients()).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
    await Promise.all([...joined, halfway].map((client) => client.ended()));
    const open = process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));
    expect(open).toEqual([]);
  });
});
