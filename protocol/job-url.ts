import { MAX_JOB_URL_BYTES } from "./limits.ts";

/**
 * What a job may show: an http or https URL, written as browsers write it, so that it begins with
 * its scheme and holds no space, quote or control character.
 * @throws {Error} with a sentence if it is none, or longer than {@link MAX_JOB_URL_BYTES}
 */
export function parseJobUrl(text: string): string {
  const limit = `${MAX_JOB_URL_BYTES / 1024} KiB`;
  if (text.length > MAX_JOB_URL_BYTES) throw new Error(`A job's URL is at most ${limit} long.`);
  if (!URL.canParse(text)) throw new Error("A job's URL must be whole, as https://example.com/.");
  const { href, protocol } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") {
    throw new Error(
      `A job's URL must begin with http:// or https://, not ${protocol.slice(0, 40)}`,
    );
  }
  if (href.length > MAX_JOB_URL_BYTES) {
    throw new Error(`A job's URL is at most ${limit} long; with its escapes it is longer.`);
  }
  return href;
}
