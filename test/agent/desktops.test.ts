import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { keyEvent, pointerEvent, typing } from "../support/client-messages.ts";
import { JobHost } from "../support/job-host.ts";
import { CLICKED, type Colour, JobPages, showsColour, TYPED, wakes } from "../support/job-page.ts";

const ALLOW = "127.0.0.1:5970-5979";
const COLOUR: Colour = [200, 30, 90];
/** The corners of a desktop of 1280 by 800, and one place where no pointer is. */
const PLACES = [
  { x: 0, y: 0 },
  { x: 1279, y: 0 },
  { x: 300, y: 200 },
  { x: 0, y: 799 },
  { x: 1279, y: 799 },
];

let host: JobHost;
let pages: JobPages;

beforeEach(async () => {
  pages = await JobPages.start();
});

afterEach(async () => {
  await host.stop();
  pages.stop();
});

describe("a browser desktop", () => {
  it("shows the job's page over all of the screen, is typed into and clicked, and leaves nothing", async () => {
    host = await JobHost.start({ allow: ALLOW, config: { profiles: { browser: true } } });
    const port = await host.launch("job", "browser", pages.in(COLOUR));
    expect(port).toBe(5970);
    const viewer = await host.view("job", port);
    await showsColour(viewer, COLOUR, PLACES);
    await wakes(viewer);
    viewer.send(typing("typed"), keyEvent(true, 0xffe1), typing("!"), keyEvent(false, 0xffe1));
    await showsColour(viewer, TYPED, PLACES);
    viewer.send(pointerEvent(1, 500, 500), pointerEvent(0, 500, 500));
    await showsColour(viewer, CLICKED, PLACES);
    host.say({ type: "stop", session: "job" });
    expect(await host.ended("job")).toMatchObject({ cause: "stopped", reason: "It was stopped." });
    expect(host.leftovers([port])).toEqual([]);
  });
});
