import { useEffect, useRef, useState } from "preact/hooks";
import * as api from "../api.ts";
import type { FeedLink } from "../feed/feed.ts";
import { followFeed } from "../feed/follow-feed.ts";
import { readBatch } from "../jobs-api.ts";
import { pageClock } from "../page-clock.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
import { type BatchState, LiveBatch } from "./live-batch.ts";

/** A batch as it is, for as long as the page is there. */
export function useBatch(batchId: string) {
  const [state, setState] = useState<BatchState | null>(null);
  const [link, setLink] = useState<FeedLink>("joining");
  const held = useRef<LiveBatch>(null);

  useEffect(() => {
    const live = new LiveBatch({
      ...pageClock,
      batchId,
      reads: {
        mayOperate: api.mayOperate,
        hosts: api.listHosts,
        batch: async (etag, signal) => {
          try {
            return await readBatch(batchId, etag, signal);
          } catch (error) {
            if (error instanceof api.ApiError && error.status === 404) return "missing";
            throw error;
          }
        },
      },
      onState: setState,
      explain: explainOrSignIn,
    });
    held.current = live;
    const leaveFeed = followFeed({
      onLink: setLink,
      onReset: () => live.refresh(),
      onChange: (change) => live.note(change),
      onWake: () => live.look(),
    });
    return () => {
      leaveFeed();
      live.stop();
    };
  }, [batchId]);

  return { state, link, refresh: () => held.current?.refresh() };
}
