import { build } from "../../scripts/build.ts";

/** The tests run what users run: the built Worker, pages and agent. */
export async function setup(): Promise<void> {
  await build({ all: false, say: console.log });
}
