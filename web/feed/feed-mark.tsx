import type { FeedLink } from "./feed.ts";

/** Whether what is shown follows what happens. @param props.link null while nothing is shown */
export function FeedMark({ link }: { link: FeedLink | null }) {
  return (
    <p class="feed" role="status" data-testid="feed" data-link={link ?? undefined}>
      {link === "live" && (
        <span title="What changes is shown at once">
          <span class="dot connected" aria-hidden="true" /> <span class="wide-only">Live</span>
        </span>
      )}
      {link === "away" && (
        <span title="What you see may be out of date">
          <span class="dot reconnecting" aria-hidden="true" /> Reconnecting…
        </span>
      )}
    </p>
  );
}
