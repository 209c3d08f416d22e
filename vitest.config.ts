import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/**
 * What needs this machine to itself: displays are ports of it, a browser and a bench take both of
 * its cores as do chats under load, and commands are started on the product's own ports.
 */
const ALONE = [
  "test/{e2e,bench,scripts}/**/*.test.ts",
  "test/worker/chat-slow.test.ts",
  "test/agent/{command-line,desktops*,displays,login-attempts,real-servers}.test.ts",
];

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
    projects: [
      {
        test: {
          ...SHARED,
          name: "together",
          include: ["test/**/*.test.ts"],
          exclude: ALONE,
          // Most of them wait: for a workerd of their own, for a minute of silence.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...SHARED,
          name: "alone",
          include: ALONE,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
