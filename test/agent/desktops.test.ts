import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keyEvent, pointerEvent, typing } from "../support/client-messages.ts";
import { JobHost } from "../support/job-host.ts";
import { CLICKED, type Colour, JobPages, showsColour, TYPED, wakes } from "../support/job-page.ts";
import { takeTurnWithDesktops } from "../support/turn.ts";

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
let endTurn: () => Promise<void>;
let pages: JobPages;

beforeAll(async () => {
  endTurn = await takeTurnWithDesktops();
});

afterAll(() => endTurn());

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

  it("is one of three that each show their own page, and of which one's end is no other's", async () => {
    host = await JobHost.start({ allow: ALLOW, config: { profiles: { browser: true } } });
    const colours: Colour[] = [COLOUR, [30, 200, 90], [30, 90, 200]];
    const jobs = await Promise.all(
      colours.map(async (colour, n) => {
        const session = `job-${n}`;
        const port = await host.launch(session, "browser", pages.in(colour));
        return { session, port, colour };
      }),
    );
    expect(jobs.map(({ port }) => port)).toEqual([5970, 5971, 5972]);
    for (const { session, port, colour } of jobs) {
      await showsColour(await host.view(session, port), colour, PLACES);
    }
    host.say({ type: "stop", session: "job-1" });
    await host.ended("job-1");
    // The folders of the two others, and nothing of its own.
    const files = host.leftovers([5971]).filter((left) => !left.startsWith("process"));
    expect(files).toEqual([expect.stringMatching("folder"), expect.stringMatching("folder")]);
    for (const { session, port, colour } of [jobs[0], jobs[2]].flatMap((job) => job ?? [])) {
      await showsColour(await host.view(session, port), colour, PLACES);
    }
  });
});
