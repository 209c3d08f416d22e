import { dayOf } from "../time.ts";
import type { Line, Readers } from "./lines.ts";
import { Message, OutgoingMessage } from "./message.tsx";
import type { ChatOfPage } from "./use-chat.ts";

type LogLineProps = {
  line: Line;
  page: ChatOfPage;
  /** What people are called, by their id. */
  names: ReadonlyMap<string, string>;
  /** Who has read one's last message. */
  read: Readers | null;
  onEdit(seq: number, text: string): void;
};

/** One line of what was said. */
export function LogLine({ line, page, names, read, onEdit }: LogLineProps) {
  const { view, room, chat } = page;
  const here = room.link === "here";
  switch (line.kind) {
    case "day":
      return <li class="log-rule">{dayOf(line.at, Date.now())}</li>;
    case "new":
      return (
        <li class="log-rule new" data-testid="new-marker">
          New
        </li>
      );
    case "deleted":
      return (
        <li class="msg-gone" data-testid="deleted">
          A message was deleted.
        </li>
      );
    case "outgoing": {
      const { cid } = line.outgoing;
      return (
        <OutgoingMessage
          outgoing={line.outgoing}
          here={here}
          onRetry={() => chat?.retry(cid)}
          onDiscard={() => chat?.discard(cid)}
        />
      );
    }
    case "message": {
      const { message, mine, named } = line;
      const { seq, text, from } = message;
      const mayDelete = mine || view.state.me?.role === "operator";
      return (
        <Message
          message={message}
          author={names.get(from.id) ?? from.name}
          mine={mine}
          named={named}
          mark={read?.seq === seq && mine ? describe(read, names) : null}
          onEdit={mine && here ? () => onEdit(seq, text) : null}
          onDelete={mayDelete && here ? () => chat?.ask({ type: "delete", seq }) : null}
        />
      );
    }
  }
}

function describe({ readers }: Readers, names: ReadonlyMap<string, string>): string {
  if (readers.length === 0) return "Sent";
  return `Seen by ${readers.map(({ id }) => names.get(id)).join(", ")}`;
}
