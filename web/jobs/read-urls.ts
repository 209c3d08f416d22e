import { parseJobUrl } from "../../protocol/job-url.ts";
import { MAX_BATCH_JOBS } from "../../protocol/limits.ts";

/** How many wrong lines are named: who has more has another problem than a typing error. */
const MAX_NAMED = 5;

/** What somebody wrote as the URLs of jobs: these, or why not, as sentences. */
export type WrittenUrls = { urls: string[]; problems: string[] };

/** Reads a URL from each line; empty lines are none. */
export function readUrls(text: string): WrittenUrls {
  const urls: string[] = [];
  const problems: string[] = [];
  const lines = text.split(/\r?\n/);
  const isOne = lines.filter((line) => line.trim() !== "").length === 1;
  for (const [n, line] of lines.entries()) {
    const written = line.trim();
    if (written === "") continue;
    try {
      urls.push(parseJobUrl(written));
    } catch (error) {
      const sentence = (error as Error).message;
      problems.push(isOne ? sentence : `Line ${n + 1}: ${sentence}`);
    }
  }
  if (urls.length + problems.length === 0) problems.push("Write the URL that the job is to show.");
  if (urls.length > MAX_BATCH_JOBS) {
    problems.push(`${urls.length} are too many: a batch has at most ${MAX_BATCH_JOBS} jobs.`);
  }
  const unnamed = problems.length - MAX_NAMED;
  if (unnamed > 0) {
    const lines = unnamed === 1 ? "1 more line is" : `${unnamed} more lines are`;
    problems.splice(MAX_NAMED, unnamed, `${lines} no URL either.`);
  }
  return { urls, problems };
}
