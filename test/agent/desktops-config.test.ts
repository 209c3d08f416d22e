import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../agent/config.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "porthole-config-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function read(config: object) {
  writeFileSync(join(folder, "config.json"), JSON.stringify(config), { mode: 0o600 });
  return readConfig(folder);
}

describe("the configuration of desktops for jobs", () => {
  it("allows none if it says nothing of them, and has limits of its own", () => {
    expect(read({})).toMatchObject({
      profiles: {},
      limits: { max_desktops: 8, max_minutes: 480, max_memory_mb: 2048, max_start_seconds: 60 },
    });
  });

  it("takes a command, and sets one limit without the others", () => {
    const profiles = { browser: true, mine: { command: ["sh", "-c", "show $1", "sh", "{url}"] } };
    expect(read({ profiles, limits: { max_desktops: 3 } })).toMatchObject({
      profiles,
      limits: { max_desktops: 3, max_minutes: 480 },
    });
  });

  it.each([
    [{ profiles: { mine: { command: ["sh", "-c", "show {url}"] } } }, "holds {url} among other"],
    [{ profiles: { mine: { command: [] } } }, "profiles.mine"],
    [{ profiles: { mine: "show" } }, "needs a command, or true or false"],
    [{ profiles: { mine: { command: ["show"], shell: true } } }, "profiles.mine"],
    [{ profiles: { "my own": true } }, "is not a profile's name"],
    [{ limits: { max_desktops: 0 } }, "limits.max_desktops"],
    [{ limits: { max_desktops: 101 } }, "limits.max_desktops"],
    [{ limits: { max_minutes: 50_000 } }, "limits.max_minutes"],
    [{ limits: { max_jobs: 1 } }, 'unknown field "limits.max_jobs"'],
    [{ limits: { max_minutes: "60" } }, "limits.max_minutes: must be a number"],
    [{ limits: [] }, "limits: must be an object"],
    [{ profiles: ["browser"] }, "profiles: must be an object"],
    [{ profiles: [] }, "profiles: must be an object"],
  ])("%j is refused, and the sentence says what of it", (config, words) => {
    expect(() => read(config)).toThrow(words);
  });

  it("shows how a shell takes the URL in words that can be pasted into the file", () => {
    const wrong = { profiles: { mine: { command: ["sh", "-c", "show {url}"] } } };
    let sentence = "";
    try {
      read(wrong);
    } catch (error) {
      sentence = (error as Error).message;
    }
    const [example = ""] = /\[.*\]/.exec(sentence) ?? [];
    const profiles = { mine: { command: JSON.parse(example) } };
    expect(read({ profiles })).toMatchObject({ profiles });
  });
});
