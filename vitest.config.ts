import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/support/global-setup.ts",
    // Displays are ports of this machine, and two cores are soon full: one file after the other.
    fileParallelism: false,
    // A test waits for events; these only end one that waits for what never comes.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
