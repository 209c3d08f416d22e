import type { ClientToRoom, Member, PresentMember } from "../../protocol/chat.ts";

/** Long enough to calm down, short enough to be forgotten about. */
const MUTE_S = 10 * 60;
const REMOVE_S = 60 * 60;

type ChatPeopleProps = {
  id: string;
  me: Member | null;
  members: readonly PresentMember[];
  names: ReadonlyMap<string, string>;
  onAsk(message: ClientToRoom): void;
};

/** Who is in the chat, and what an operator can do about them. */
export function ChatPeople({ id, me, members, names, onAsk }: ChatPeopleProps) {
  return (
    <ul class="people chat-people" id={id} aria-label="In this chat" data-testid="chat-people">
      {members.map((member) => {
        const { id, role, muted_until } = member;
        const name = names.get(id) ?? member.name;
        const isMe = id === me?.id;
        return (
          <li key={id} data-testid="chat-person">
            <span class="person-text">
              <span>{isMe ? `You (${name})` : name}</span>
              <span class="hint">
                {role}
                {muted_until && " · muted"}
              </span>
            </span>
            {me?.role === "operator" && !isMe && role !== "operator" && (
              <span class="chat-person-tools">
                <button
                  type="button"
                  class="button small"
                  aria-label={muted_until ? `Let ${name} speak` : `Mute ${name} for 10 minutes`}
                  title={muted_until ? undefined : "For 10 minutes"}
                  onClick={() =>
                    onAsk({ type: "mute", member: id, seconds: muted_until ? 0 : MUTE_S })
                  }
                  data-testid="mute"
                >
                  {muted_until ? "Unmute" : "Mute"}
                </button>
                <button
                  type="button"
                  class="button small danger"
                  aria-label={`Remove ${name} from this chat for an hour`}
                  title="For an hour"
                  onClick={() => onAsk({ type: "remove", member: id, seconds: REMOVE_S })}
                  data-testid="remove"
                >
                  Remove
                </button>
              </span>
            )}
          </li>
        );
      })}
    </ul>
  );
}
