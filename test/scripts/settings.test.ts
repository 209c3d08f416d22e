import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT } from "../../scripts/tool.ts";
import { SETTINGS, settingsIn } from "../../worker/settings.ts";

/** The names in the first column of the table of settings. */
function documented(): string[] {
  const rows = readFileSync(join(ROOT, "docs/deploy.md"), "utf8").match(/^\| `.*$/gm) ?? [];
  const firsts = rows.map((row) => row.split("|")[1] ?? "");
  return firsts.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, name = ""]) => name));
}

describe("the settings of the Worker", () => {
  it("are those of the table in docs/deploy.md, which says that npm start takes them all", () => {
    expect(documented().sort()).toEqual(["ADMIN_TOKEN", ...SETTINGS].sort());
  });

  it("are taken from an environment, each of them, without what is empty or no setting", () => {
    const all = Object.fromEntries(SETTINGS.map((name) => [name, `the ${name}`]));
    expect(settingsIn({ ...all, HOME: "/root", PORT: "8787" })).toEqual(all);
    expect(settingsIn({ AUDIT_DAYS: "", SESSION_PURGE_DAYS: "7" })).toEqual({
      SESSION_PURGE_DAYS: "7",
    });
  });
});
