import { describe, expect, it } from "vitest";
import type { Host } from "../../protocol/api.ts";
import { MAX_BATCH_JOBS } from "../../protocol/limits.ts";
import { offerOf, offersOf } from "../../web/jobs/offers.ts";
import { readUrls } from "../../web/jobs/read-urls.ts";
import { shortUrl } from "../../web/jobs/short-url.ts";

describe("written URLs", () => {
  it("are read a line each, as a browser writes them", () => {
    const written = " https://EXAMPLE.com \r\n\n http://b.example/a b\n";
    expect(readUrls(written)).toEqual({
      urls: ["https://example.com/", "http://b.example/a%20b"],
      problems: [],
    });
  });

  it("that are none are named by their line, if there is more than one", () => {
    const { problems } = readUrls("https://a.example/\n\nexample.com\nftp://b.example/");
    expect(problems).toEqual([
      "Line 3: A job's URL must be whole, as https://example.com/.",
      "Line 4: A job's URL must begin with http:// or https://, not ftp:",
    ]);
    expect(readUrls("example.com").problems).toEqual([
      "A job's URL must be whole, as https://example.com/.",
    ]);
  });

  it("that are all wrong are not all named", () => {
    const { problems } = readUrls("a\nb\nc\nd\ne\nf\ng");
    expect(problems).toHaveLength(6);
    expect(problems.at(-1)).toBe("2 more lines are no URL either.");
    expect(readUrls("a\nb\nc\nd\ne\nf").problems.at(-1)).toBe("1 more line is no URL either.");
  });

  it("are at least one, and at most what a batch holds", () => {
    expect(readUrls(" \n").problems).toEqual(["Write the URL that the job is to show."]);
    const many = Array.from({ length: MAX_BATCH_JOBS + 1 }, () => "http://a.example/").join("\n");
    expect(readUrls(many).problems).toEqual([
      `${MAX_BATCH_JOBS + 1} are too many: a batch has at most ${MAX_BATCH_JOBS} jobs.`,
    ]);
  });
});

describe("a job's URL as a label", () => {
  it.each([
    ["https://www.example.com/", "example.com"],
    ["http://example.com/a/", "example.com/a/"],
    ["https://example.com/?q=1", "example.com/?q=1"],
    ["no URL at all", "no URL at all"],
    [`https://example.com/${"a".repeat(200)}`, `example.com/${"a".repeat(67)}…`],
  ])("%s", (url, label) => {
    expect(shortUrl(url)).toBe(label);
  });
});

describe("what hosts let jobs have", () => {
  const host = (name: string, profiles: string[], online = true) =>
    ({ host_id: name, name, profiles, online, max_desktops: 8 }) as Host;
  const hosts = [host("a", ["shop", "browser"]), host("b", ["editor"], false), host("c", [])];

  it("is offered with the usual one first, and the hosts that have what is chosen", () => {
    const { profiles, offering, hint } = offersOf(hosts, "browser");
    expect(profiles).toEqual(["browser", "editor", "shop"]);
    expect(offering.map(({ name }) => name)).toEqual(["a"]);
    expect(hint).toBeNull();
  });

  it("is said to be none, or offline", () => {
    expect(offersOf(hosts, "kiosk").hint).toContain("“kiosk”");
    expect(offersOf(hosts, "editor").hint).toContain("offline");
  });

  it("stands at a host in a few words", () => {
    expect(hosts.map(offerOf)).toEqual([
      "takes jobs: shop, browser, 8 at once",
      "takes jobs: editor, 8 at once",
      null,
    ]);
  });
});
