import type { TargetedSubmitEvent } from "preact";
import { useCallback, useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { SupportRoom, SupportState } from "../../protocol/chat.ts";
import { MAX_NAME_CHARACTERS } from "../../protocol/limits.ts";
import { ApiError, findSupport, openSupport } from "../api.ts";
import { ChatNews } from "../chat/chat-news.tsx";
import { ChatPanel } from "../chat/chat-panel.tsx";
import { countUnseen, withUnseen } from "../chat/count.ts";
import { useDraft } from "../chat/draft.ts";
import { useChat } from "../chat/use-chat.ts";
import "../inbox/inbox.css";
import { Logo } from "../icons.tsx";
import { Link, usePage } from "../router.tsx";
import { timeOfDay } from "../time.ts";

/** Where anybody can ask the operators something, without an account. */
export function Support() {
  const { room, staff, problem, busy, find, open } = useSupportRoom();
  if (staff !== null) return <ForStaff reason={staff} />;
  if (room) return <SupportChat room={room} />;
  if (room === undefined) return <Finding problem={problem} onRetry={find} />;
  return <SupportForm problem={problem} busy={busy} onOpen={open} />;
}

/** The room of this browser: undefined until that is known, null if it has opened none. */
function useSupportRoom() {
  const [room, setRoom] = useState<SupportRoom | null | undefined>(undefined);
  const [staff, setStaff] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const attempt = useCallback(async (ask: () => Promise<SupportRoom | null>) => {
    setBusy(true);
    setProblem(null);
    try {
      setRoom(await ask());
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.code === "signed_in") setStaff(error.message);
      else setProblem(error.message);
    } finally {
      setBusy(false);
    }
  }, []);
  const find = useCallback(() => void attempt(findSupport), []);
  useEffect(find, []);
  const open = (name: string | null) => void attempt(() => openSupport(name));
  return { room, staff, problem, busy, find, open };
}

/** Staff who try what their guests see. */
function ForStaff({ reason }: { reason: string }) {
  usePage("Support", "for-staff");
  return (
    <main class="notice">
      <Logo />
      <h1>This page is for guests</h1>
      <p role="alert" data-testid="reason">
        {reason}
      </p>
      <div class="actions">
        <Link to="/inbox" class="button primary">
          Open the inbox
        </Link>
      </div>
    </main>
  );
}

function Finding({ problem, onRetry }: { problem: string | null; onRetry(): void }) {
  usePage("Support", problem === null ? "loading" : "error");
  if (problem === null) return <main class="blank" aria-busy="true" />;
  return (
    <main class="notice">
      <Logo />
      <h1>The chat did not load</h1>
      <p role="alert" data-testid="reason">
        {problem}
      </p>
      <div class="actions">
        <button type="button" class="button primary" onClick={onRetry} data-testid="retry">
          Try again
        </button>
      </div>
    </main>
  );
}

type SupportFormProps = {
  problem: string | null;
  busy: boolean;
  onOpen(name: string | null): void;
};

function SupportForm({ problem, busy, onOpen }: SupportFormProps) {
  const field = useRef<HTMLInputElement>(null);
  usePage("Support", "support-form");
  useEffect(() => field.current?.focus(), []);
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!busy) onOpen(field.current?.value.trim() || null);
  };
  return (
    <main class="sign-in">
      <form class="sign-in-card" onSubmit={submit}>
        <Logo />
        <h1>Talk to us</h1>
        <p class="hint">
          You need no account. This browser finds the chat again for 30 days, so you can close the
          page and come back for the answer.
        </p>
        <label for="name">
          Your name <span class="hint">(if you like)</span>
        </label>
        <input
          id="name"
          ref={field}
          maxLength={MAX_NAME_CHARACTERS}
          autocomplete="name"
          aria-describedby="support-problem"
          data-testid="name"
        />
        <p id="support-problem" class="error" role="alert" data-testid="problem">
          {problem}
        </p>
        <button type="submit" class="button primary" aria-disabled={busy} data-testid="start-chat">
          {busy ? "Opening the chat…" : "Start the chat"}
        </button>
      </form>
    </main>
  );
}

function SupportChat({ room }: { room: SupportRoom }) {
  const chat = useChat(room.room);
  const [draft, setDraft] = useDraft(room.room, chat.room.me?.id ?? null);
  const unseen = useMemo(() => countUnseen(chat.view.state), [chat.view.state]);
  usePage(withUnseen("Support", unseen), "chat");
  const { support } = chat.view.state;
  return (
    <main class="support">
      <h1 class="visually-hidden">Support</h1>
      <ChatNews news={chat.news} />
      <ChatPanel
        page={chat}
        title="Support"
        empty={`Hello${room.name === "Guest" ? "" : `, ${room.name}`}! Write what you need: whoever is here for you answers in this place.`}
        draft={draft}
        onDraft={setDraft}
        takesFocus
        onClose={null}
      >
        <p class="room-state" role="status" data-testid="room-state">
          {support && describe(support)}
        </p>
      </ChatPanel>
    </main>
  );
}

function describe({ state, claimed_by, waiting_since }: SupportState): string {
  if (state === "closed") return "This chat was closed. Write again, and it is open again.";
  const who = claimed_by ? `${claimed_by.name} takes care of you.` : "";
  if (waiting_since === null) return who;
  return `${who} Your message of ${timeOfDay(waiting_since)} waits for an answer.`.trim();
}
