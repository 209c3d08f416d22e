import type { News } from "./news.ts";

/** Reads out what comes, also while the chat itself is closed. */
export function ChatNews({ news }: { news: readonly News[] }) {
  return (
    <div class="visually-hidden" role="log" aria-label="New messages" data-testid="chat-news">
      {news.map(({ key, sentence }) => (
        <p key={key}>{sentence}</p>
      ))}
    </div>
  );
}
