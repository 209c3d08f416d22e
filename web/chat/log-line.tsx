import type { VNode } from "preact";
import { dayOf } from "../time.ts";
import type { Line, Readers } from "./lines.ts";
import { Message, type MessageDeeds, OutgoingMessage } from "./message.tsx";

/** What lines say beside what was said. */
export type Surroundings = {
  /** What people are called, by their id. */
  names: ReadonlyMap<string, string>;
  /** Who has read one's last message. */
  read: Readers | null;
  /** Whether the room is there; else what is written waits for it. */
  here: boolean;
  /** Whether one may change one's own messages, and delete those of others. */
  may: { change: boolean; moderate: boolean };
  /** Stay the same: a line is drawn again only for something that it shows. */
  deeds: MessageDeeds;
  /** In ms since 1970, to tell today. */
  now: number;
};

/** One line of what was said. */
export function logLine(line: Line, around: Surroundings): VNode {
  const { names, read, here, may, deeds } = around;
  const { key } = line;
  switch (line.kind) {
    case "day":
      return (
        <li class="log-rule" key={key}>
          {dayOf(line.at, around.now)}
        </li>
      );
    case "new":
      return (
        <li class="log-rule new" key={key} data-testid="new-marker">
          New
        </li>
      );
    case "deleted":
      return (
        // It takes the keyboard from what is gone.
        <li class="msg-gone" key={key} tabIndex={-1} data-seq={line.seq} data-testid="deleted">
          A message was deleted.
        </li>
      );
    case "outgoing":
      return <OutgoingMessage key={key} outgoing={line.outgoing} here={here} deeds={deeds} />;
    case "message": {
      const { message, mine, named } = line;
      const { seq, from } = message;
      return (
        <Message
          key={key}
          message={message}
          author={names.get(from.id) ?? from.name}
          mine={mine}
          named={named}
          mark={read?.seq === seq && mine ? describe(read, names) : null}
          mayEdit={mine && may.change}
          mayDelete={mine ? may.change : may.moderate}
          deeds={deeds}
        />
      );
    }
  }
}

function describe({ readers }: Readers, names: ReadonlyMap<string, string>): string {
  if (readers.length === 0) return "Sent";
  return `Seen by ${readers.map(({ id }) => names.get(id)).join(", ")}`;
}
