const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How long ago `since` (RFC 3339) was, as a person would say it: "3 min", "2 days". */
export function elapsed(since: string, nowMs: number): string {
  // Clocks differ by seconds: what lies in the future has just happened.
  const seconds = Math.max(0, (nowMs - Date.parse(since)) / 1000);
  if (seconds < MINUTE) return "less than a minute";
  if (seconds < HOUR) return `${Math.floor(seconds / MINUTE)} min`;
  if (seconds < DAY) return `${Math.floor(seconds / HOUR)} h`;
  const days = Math.floor(seconds / DAY);
  return days === 1 ? "1 day" : `${days} days`;
}

/** The full date and time, in the reader's own language and time zone. */
export function absolute(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "long", timeStyle: "medium" });
}

/** The date and time to the minute, in the reader's own language and time zone. */
export function absoluteMinute(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** The hour and minute, in the reader's own language and time zone. */
export function timeOfDay(time: string): string {
  return new Date(time).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

/** A time as the edge's sentences have it: to the minute, in UTC, since it does not know its reader's. */
const EDGE_TIME = /(\d{4}-\d\d-\d\d) (\d\d:\d\d) UTC/g;

/** What the edge said, with its times in the reader's own language and time zone. */
export function inLocalTime(sentence: string): string {
  return sentence.replace(EDGE_TIME, (_, day, time) => absoluteMinute(`${day}T${time}Z`));
}

/** The day, as a person would say it: "Today", "Yesterday", or the date. */
export function dayOf(time: string, nowMs: number): string {
  const day = new Date(time);
  const now = new Date(nowMs);
  if (day.toDateString() === now.toDateString()) return "Today";
  now.setDate(now.getDate() - 1);
  if (day.toDateString() === now.toDateString()) return "Yesterday";
  return day.toLocaleDateString(undefined, { dateStyle: "full" });
}
