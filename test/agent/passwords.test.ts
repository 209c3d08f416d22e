import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readConfig } from "../../agent/config.ts";
import { passwordsOf } from "../../agent/passwords.ts";
import { EventLog } from "../support/event-log.ts";
import { vncpasswd } from "../support/vnc-servers.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "porthole-config-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Buffer, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

/** What is found for the one display of a configuration, and what the log says. */
async function find(source: object) {
  const log = new EventLog();
  file("config.json", JSON.stringify({ displays: { 5901: source } }));
  const findPassword = passwordsOf(readConfig(folder), (event, fields) =>
    log.add({ event, ...fields }),
  );
  const outcome = await findPassword({ host: "127.0.0.1", port: 5901 }, "s1").catch(
    (error: Error) => error,
  );
  return { outcome, log, findPassword };
}

describe("the password of a VNC server", () => {
  it("is the first line of a file", async () => {
    const { outcome } = await find({ password_file: file("secret", "geheim 1\nrest\n") });
    expect(outcome).toBe("geheim 1");
  });

  it("is what vncpasswd wrote into a file", async () => {
    for (const password of ["a", "geheim12"]) {
      const { outcome } = await find({ vncpasswd_file: file("passwd", vncpasswd(password)) });
      expect(outcome).toBe(password);
    }
  });

  it("stands in the environment", async () => {
    process.env.PORTHOLE_TEST_PASSWORD = "geheim";
    const { outcome } = await find({ password_env: "PORTHOLE_TEST_PASSWORD" });
    delete process.env.PORTHOLE_TEST_PASSWORD;
    expect(outcome).toBe("geheim");
  });

  it("is what a command prints, its arguments as they are", async () => {
    const command = [process.execPath, "-p", "process.argv[1]", "$(id) 'x'"];
    expect((await find({ password_command: command })).outcome).toBe("$(id) 'x'");
  });

  it("is none where the owner set none", async () => {
    const { findPassword } = await find({ password_env: "ANY" });
    expect(await findPassword({ host: "127.0.0.1", port: 5902 }, "s1")).toBeNull();
    expect(readConfig(join(folder, "nothing"))).toMatchObject({ displays: {}, profiles: {} });
  });

  it("is looked up anew for each viewer", async () => {
    const { findPassword } = await find({ password_file: file("secret", "first\n") });
    file("secret", "second\n");
    expect(await findPassword({ host: "127.0.0.1", port: 5901 }, "s1")).toBe("second");
  });

  it.each([
    [
      "a file that others can read",
      () => ({ password_file: file("open", "geheim", 0o640) }),
      "chmod 600",
    ],
    ["a file that is not there", () => ({ password_file: join(folder, "none") }), "ENOENT"],
    ["an empty file", () => ({ password_file: file("empty", "\n") }), "it is empty"],
    [
      "a vncpasswd file that is cut",
      () => ({ vncpasswd_file: file("cut", "abc") }),
      "shorter than 8 bytes",
    ],
    ["a variable that is not set", () => ({ password_env: "PORTHOLE_NO_SUCH" }), "is not set"],
    ["a command that fails", () => ({ password_command: ["false"] }), "ended with 1"],
    ["a command that does not exist", () => ({ password_command: ["/no/such/command"] }), "ENOENT"],
    [
      "a command that prints no end",
      () => ({ password_command: ["yes"] }),
      "prints more than 4096 bytes",
    ],
    [
      "a text that is too long",
      () => ({ password_file: file("long", "x".repeat(256)) }),
      "too long",
    ],
  ])("from %s is refused: the log says why, the viewer hears no detail", async (_, source, why) => {
    const { outcome, log } = await find(source());
    expect(outcome).toMatchObject({
      code: 4502,
      message:
        "The host cannot read the password of its VNC server on port 5901; its log says why.",
    });
    expect((await log.waitFor("password.unreadable", { port: 5901 })).why).toContain(why);
  });

  it("of another address is another one", async () => {
    file("config.json", '{"displays":{"5901":{"password_env":"HOME"}}}');
    const findPassword = passwordsOf(readConfig(folder), () => {});
    expect(await findPassword({ host: "192.168.4.2", port: 5901 }, "s1")).toBeNull();
    file("config.json", '{"displays":{"192.168.4.2:5901":{"password_env":"HOME"}}}');
    const ofOther = passwordsOf(readConfig(folder), () => {});
    expect(await ofOther({ host: "192.168.4.2", port: 5901 }, "s1")).toBe(process.env.HOME);
    expect(await ofOther({ host: "127.0.0.1", port: 5901 }, "s1")).toBeNull();
    file("config.json", '{"displays":{"[FD00::0:2]:5901":{"password_env":"HOME"}}}');
    const ofIPv6 = passwordsOf(readConfig(folder), () => {});
    expect(await ofIPv6({ host: "fd00::2", port: 5901 }, "s1")).toBe(process.env.HOME);
  });

  it("of loopback is the same with its address and without", async () => {
    file("config.json", '{"displays":{"127.0.0.1:5901":{"password_env":"HOME"}}}');
    const findPassword = passwordsOf(readConfig(folder), () => {});
    expect(await findPassword({ host: "127.0.0.1", port: 5901 }, "s1")).toBe(process.env.HOME);
  });

  it("is not in the log of a command that fails, in its words or what it was called with", async () => {
    const command = ["sh", "-c", "echo geheim1 >&2; exit 3", "geheim2"];
    const { log } = await find({ password_command: command });
    const { why } = await log.waitFor("password.unreadable");
    expect(why).toBe("the command ended with 3");
    expect(JSON.stringify(log.events)).not.toContain("geheim");
  });

  it("is not waited for without end from a command that heeds no signal", async () => {
    const command = ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"];
    const { log } = await find({ password_command: command });
    expect((await log.waitFor("password.unreadable")).why).toBe(
      "the command takes longer than 3 s",
    );
  });
});

describe("the agent's configuration", () => {
  it.each([
    ["that is not JSON", "{", "is not JSON"],
    ["with a word that it does not know", '{"dispalys":{}}', 'is wrong: unknown field "dispalys".'],
    ["that is a list", "[]", "is wrong: must be an object."],
    ["whose servers are a list", '{"displays":[]}', "is wrong: displays: must be an object."],
    [
      "with a port that no machine has",
      '{"displays":{"99999":{"password_env":"A"}}}',
      "displays.99999: is neither a port",
    ],
    [
      "with a port that is none",
      '{"displays":{"display 1":{"password_env":"A"}}}',
      "is neither a port",
    ],
    [
      "with two sources",
      '{"displays":{"5901":{"password_env":"A","password_file":"B"}}}',
      "needs exactly one of password_file, vncpasswd_file, password_env and password_command",
    ],
    ["with the password itself", '{"displays":{"5901":"geheim"}}', "needs exactly one of"],
  ])("%s is refused with a sentence", (_, text, sentence) => {
    const path = file("config.json", text);
    expect(() => readConfig(folder)).toThrow(sentence);
    expect(() => readConfig(folder)).toThrow(path);
  });

  it("that others can write to is refused, since it can name commands", () => {
    const path = file("config.json", "{}", 0o666);
    expect(() => readConfig(folder)).toThrow(`chmod go-w ${path}`);
  });

  it("that is named and not there is refused", () => {
    expect(() => readConfig(folder, join(folder, "other.json"))).toThrow("other.json");
  });
});
