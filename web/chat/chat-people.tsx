import { useRef, useState } from "preact/hooks";
import type { Member } from "../../protocol/chat.ts";
import { Ask } from "./ask.tsx";

/** Long enough to calm down, short enough to be forgotten about. */
const MUTE_S = 10 * 60;

type ChatPeopleProps = {
  id: string;
  me: Member | null;
  members: readonly Member[];
  /** The ids of those whom nobody hears for now. */
  muted: ReadonlySet<string>;
  names: ReadonlyMap<string, string>;
  /** @param seconds 0 ends it */
  onMute(id: string, seconds: number): void;
  /** Sure of it. */
  onRemove(id: string, name: string): void;
};

/** Who is in the chat, and what an operator can do about them. */
export function ChatPeople(props: ChatPeopleProps) {
  const { id: listId, me, members, muted, names } = props;
  return (
    <ul
      class="people chat-people"
      id={listId}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      aria-label="In this chat"
      data-keeps-focus
      data-testid="chat-people"
    >
      {members.map((member) => {
        const { id, role } = member;
        const name = names.get(id) ?? member.name;
        const isMe = id === me?.id;
        return (
          <Person
            key={id}
            {...{ name, role, isMe }}
            isMuted={muted.has(id)}
            isModerated={me?.role === "operator" && !isMe && role !== "operator"}
            onMute={(seconds) => props.onMute(id, seconds)}
            onRemove={() => props.onRemove(id, name)}
          />
        );
      })}
    </ul>
  );
}

type PersonProps = {
  name: string;
  role: Member["role"];
  isMe: boolean;
  isMuted: boolean;
  /** Whether one may do something about them. */
  isModerated: boolean;
  onMute(seconds: number): void;
  onRemove(): void;
};

function Person({ name, role, isMe, isMuted, isModerated, onMute, onRemove }: PersonProps) {
  const [removing, setRemoving] = useState(false);
  const removeTool = useRef<HTMLButtonElement>(null);
  const keep = () => {
    removeTool.current?.focus();
    setRemoving(false);
  };
  return (
    <li data-testid="chat-person">
      <span class="person-text">
        <span>{isMe ? `You (${name})` : name}</span>
        <span class="hint">
          {role}
          {isMuted && " · muted"}
        </span>
      </span>
      {isModerated && (
        <span class="chat-person-tools">
          <button
            type="button"
            class="button small"
            aria-label={isMuted ? `Let ${name} speak` : `Mute ${name} for 10 minutes`}
            title={isMuted ? undefined : "For 10 minutes"}
            onClick={() => onMute(isMuted ? 0 : MUTE_S)}
            data-testid="mute"
          >
            {isMuted ? "Unmute" : "Mute"}
          </button>
          <button
            type="button"
            class="button small danger"
            ref={removeTool}
            aria-label={`Remove ${name} from this chat for an hour`}
            aria-expanded={removing}
            title="For an hour"
            onClick={() => setRemoving(!removing)}
            data-testid="remove"
          >
            Remove
          </button>
        </span>
      )}
      {removing && isModerated && (
        <Ask
          words={{ todo: "Remove", keep: "Cancel" }}
          confirmTestId="confirm-remove"
          onConfirm={onRemove}
          onKeep={keep}
        >
          Remove {name} from this chat for an hour?
        </Ask>
      )}
    </li>
  );
}
