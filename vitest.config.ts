import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * What needs this machine to itself: a bench and chats under load take both of its cores, and two
 * build the pages, the Worker and the agent anew, which all others use.
 */
const ALONE = [
  "test/{bench,scripts}/**/*.test.ts",
  "test/e2e/dev.test.ts",
  "test/worker/chat-slow.test.ts",
];

/** What has a browser: no more of them at once than there are cores, each with its own displays. */
const BROWSERS = ["test/e2e/**/*.test.ts", "test/agent/desktops*.test.ts"];

/** What counts the open sockets of its process: those of other files would be among them. */
const OWN_PROCESS = ["test/demo/close.test.ts"];

/** What takes longest, in that order: begun first, so that no core waits for it at the end. */
const LONGEST = [
  ...["e2e/chat-keyboard", "e2e/faults", "e2e/pages", "e2e/start", "e2e/dashboard"],
  ...[
    "e2e/edge-killed",
    "e2e/support-chat",
    "agent/desktops-failures",
    "e2e/control",
    "e2e/side-by-side",
  ],
  ...["e2e/chat", "agent/desktops-limits", "e2e/batch-wall", "e2e/server-page", "e2e/batch-killed"],
  ...["worker/batch-faults", "worker/batch-failing-hosts", "worker/batch"],
  ...["worker/events", "worker/chat-storm", "worker/streams", "worker/session-life"],
  ...["worker/limits", "worker/panel-failures"],
].map((name) => `/test/${name}.test.ts`);

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return index === -1 ? LONGEST.length : index;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

const SHARED = {
  // A test waits for events; these only end one that waits for what never comes.
  testTimeout: 60_000,
  hookTimeout: 120_000,
  // Every file cleans up after itself: one process can take the next, with what it has loaded.
  isolate: false,
};

export default defineConfig({
  test: {
    globalSetup: "test/support/global-setup.ts",
    // wrangler and miniflare are a second of compiling to each process that loads them.
    env: {
      NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compiled", import.meta.url)),
    },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          ...SHARED,
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: [...ALONE, ...BROWSERS, ...OWN_PROCESS],
          // Most of them wait: for a workerd of their own, for a minute of silence.
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...SHARED,
          name: "own process",
          include: OWN_PROCESS,
          isolate: true,
          maxWorkers: 4,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...SHARED,
          name: "browsers",
          include: BROWSERS,
          exclude: ALONE,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...SHARED,
          name: "alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
