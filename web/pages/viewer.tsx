import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Session } from "../../protocol/api.ts";
import { ChatNews } from "../chat/chat-news.tsx";
import { ChatPanel } from "../chat/chat-panel.tsx";
import { countUnseen, newMessages, withUnseen } from "../chat/count.ts";
import { useDraft } from "../chat/draft.ts";
import { useChat } from "../chat/use-chat.ts";
import { ChevronDownIcon } from "../icons.tsx";
import { shortUrl } from "../jobs/short-url.ts";
import { usePage } from "../router.tsx";
import { ClipboardPanel } from "../viewer/clipboard-panel.tsx";
import "../viewer/control.css";
import { ControlPanel } from "../viewer/control-panel.tsx";
import type { Scaling } from "../viewer/desktop.ts";
import { Notices } from "../viewer/notices.tsx";
import { Overlay } from "../viewer/overlay.tsx";
import { ShareDialog } from "../viewer/share-dialog.tsx";
import { controlSentence, statusSentence } from "../viewer/status.ts";
import { Toolbar } from "../viewer/toolbar.tsx";
import { TouchKeyboard } from "../viewer/touch-keyboard.tsx";
import { useClipboard } from "../viewer/use-clipboard.ts";
import { useControl } from "../viewer/use-control.ts";
import { useDesktop } from "../viewer/use-desktop.ts";
import { useEscapeChord, useFullScreen, useKeyboardInset, useTries } from "../viewer/use-window.ts";
import "../viewer/viewer.css";
import { wayBack } from "../viewer/way-back.ts";

/** Less height than this (a phone on its side) and the bar makes room for the desktop. */
const SHORT_WINDOW = "(max-height: 480px)";

export function Viewer({ sessionId }: { sessionId: string }) {
  const screen = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const main = useRef<HTMLElement>(null);
  const bar = useRef<HTMLElement>(null);
  const mark = useRef<HTMLButtonElement>(null);
  const { state, found, desktop, name, copied, clipped, stillShown, connection } = useDesktop(
    sessionId,
    { screen, still },
  );
  const connected = state.kind === "connected";
  const session = found?.session ?? null;
  // Nothing is offered before it is known to work.
  const role = session?.your_role ?? null;
  const title = titleOf(session) ?? (name || session?.label || "Desktop");
  const refuse = useRef((_sentence: string) => {});
  const chat = useChat(session ? `session:${sessionId}` : null, (sentence) =>
    refuse.current(sentence),
  );
  const control = useControl(chat, found, state.kind);
  refuse.current = control.refused;
  const unseen = useMemo(() => countUnseen(chat.view.state), [chat.view.state]);
  const watching = control.view?.watching ?? null;
  const fromDesktop = session?.clipboard === "both";
  // The host's own setting may send more than the session wants shown.
  const clipboard = useClipboard(fromDesktop ? copied : null);
  const hasClipboard = role === "control" && session?.clipboard !== "none";
  const [barShown, setBarShown] = useState(true);
  const [clipboardOpen, setClipboardOpen] = useState(false);
  const [controlOpen, setControlOpen] = useState(false);
  const [chatOpen, setChatOpen] = useState(false);
  const [draft, setDraft] = useDraft(`session:${sessionId}`, chat.room.me?.id ?? null);
  const chatTool = useRef<HTMLButtonElement>(null);
  const handle = useRef<HTMLButtonElement>(null);
  const [sharing, setSharing] = useState(false);
  const [keyboardOpen, setKeyboardOpen] = useState(false);
  const [scaling, setScaling] = useState<Scaling>("fit");
  const [panning, setPanning] = useState(true);
  const fullScreen = useFullScreen();

  usePage(withUnseen(title, unseen), state.kind);
  useKeyboardInset();
  useEscapeChord(() => {
    setBarShown(true);
    // The bar is there after this render; its first control takes the keyboard, unless somebody
    // waits for an answer.
    requestAnimationFrame(() => {
      const first = main.current?.querySelector<HTMLElement>(".toast button:enabled");
      (first ?? bar.current?.querySelector<HTMLElement>("a, button"))?.focus();
    });
  });

  useEffect(() => {
    // The room may have been lost with the same network as the desktop.
    if (connected) chat.connection?.wake();
  }, [connected]);
  useEffect(() => desktop?.watchOnly(watching !== null), [desktop, watching !== null]);
  useEffect(() => desktop?.scale(scaling), [desktop, scaling]);
  useEffect(
    () => desktop?.dragToPan(scaling === "actual" && clipped && panning),
    [desktop, scaling, clipped, panning],
  );
  useEffect(() => desktop?.focusOnTap(!keyboardOpen), [desktop, keyboardOpen]);
  useEffect(() => setBarShown(!fullScreen.on), [fullScreen.on]);
  useEffect(() => {
    if (!connected) return;
    // Whoever writes into a panel goes on writing there.
    if (!clipboardOpen && !keyboardOpen && !sharing && !isInChat()) desktop?.focus();
    if (matchMedia(SHORT_WINDOW).matches) setBarShown(false);
  }, [connected, desktop]);
  const holds = control.view?.holds === true;
  useEffect(() => {
    // Whoever got control wants to use it, unless they are writing something.
    const isBusy = clipboardOpen || controlOpen || keyboardOpen || sharing || isInChat();
    if (holds && connected && !isBusy) desktop?.focus();
  }, [holds]);
  useTries(screen, watching !== null && !(scaling === "actual" && clipped && panning), () => {
    if (watching !== null) control.say(watching);
  });

  const request: typeof control.request = (op, to) => {
    control.request(op, to);
    // What was pressed is gone when it is done.
    mark.current?.focus();
    setControlOpen(false);
  };
  const closeControl = () => {
    setControlOpen(false);
    mark.current?.focus();
  };
  /** There is room for one panel. */
  const openOnly = (open: typeof setControlOpen | null) => {
    setControlOpen(false);
    setClipboardOpen(false);
    open?.(true);
  };
  const openChat = () => {
    // The keys of a touch screen belong to the desktop: two keyboards would be one too many.
    setKeyboardOpen(false);
    setChatOpen(true);
  };
  const closeChat = () => {
    // Not the desktop: what somebody goes on typing was meant for the chat. And at once: what
    // nobody has, a desktop that comes back takes.
    (chatTool.current ?? handle.current)?.focus();
    setChatOpen(false);
  };
  const closeClipboard = () => {
    setClipboardOpen(false);
    desktop?.focus();
  };

  return (
    <main class="viewer" ref={main}>
      <h1 class="visually-hidden">{title}</h1>
      <p class="visually-hidden" role="status" aria-live="polite" data-testid="status">
        {statusSentence(state)}
      </p>
      <p class="visually-hidden" role="status" aria-live="polite" data-testid="control-status">
        {connected && controlSentence(control)}
      </p>
      <ChatNews news={chat.news} />
      {barShown ? (
        <Toolbar
          barRef={bar}
          title={title}
          state={state}
          standing={found?.standing ?? null}
          back={wayBack(session)}
          role={role}
          control={control.view}
          markRef={mark}
          controlOpen={controlOpen}
          onControl={() => (controlOpen ? closeControl() : openOnly(setControlOpen))}
          onRequest={request}
          onReason={control.say}
          scaling={scaling}
          panning={panning}
          canPan={connected && scaling === "actual" && clipped}
          fullScreen={fullScreen}
          hasClipboard={hasClipboard}
          clipboardOpen={clipboardOpen}
          clipboardNews={clipboard.unseen}
          chatRef={chatTool}
          hasChat={session !== null}
          chatOpen={chatOpen}
          unseen={unseen}
          onChat={() => (chatOpen ? closeChat() : openChat())}
          keyboardOpen={keyboardOpen}
          onShare={() => setSharing(true)}
          onCtrlAltDel={() => {
            desktop?.pressCtrlAltDel();
            desktop?.focus();
          }}
          onScaling={() => setScaling(scaling === "fit" ? "actual" : "fit")}
          onPanning={() => setPanning(!panning)}
          onClipboard={() => (clipboardOpen ? closeClipboard() : openOnly(setClipboardOpen))}
          onKeyboard={() => setKeyboardOpen(!keyboardOpen)}
          onHide={() => {
            setBarShown(false);
            openOnly(null);
            desktop?.focus();
          }}
        />
      ) : (
        <button
          type="button"
          class="bar-handle"
          ref={handle}
          aria-label="Show the toolbar"
          title="Show the toolbar"
          onClick={() => setBarShown(true)}
          data-testid="show-toolbar"
        >
          {control.view && <span>{control.view.label}</span>}
          {unseen.count > 0 && <span>{newMessages(unseen)}</span>}
          <ChevronDownIcon />
        </button>
      )}
      {connected && <Notices control={control} onDone={() => desktop?.focus()} />}
      {sharing && session && <ShareDialog session={session} onClose={() => setSharing(false)} />}
      <div class="deck">
        {controlOpen && control.view && (
          <ControlPanel view={control.view} onRequest={request} onClose={closeControl} />
        )}
        {clipboardOpen && hasClipboard && (
          <ClipboardPanel
            clipboard={clipboard}
            connected={connected}
            watching={watching}
            fromDesktop={fromDesktop}
            onSend={(text) => desktop?.paste(text)}
            onClose={closeClipboard}
          />
        )}
        <div class="stage">
          <div class={`screen ${connected ? "" : "away"}`} ref={screen} data-testid="screen" />
          <canvas
            class={`still ${stillShown ? "shown" : ""} ${connected ? "" : "dimmed"} ${scaling}`}
            ref={still}
          />
          <Overlay
            state={state}
            sessionId={sessionId}
            title={title}
            session={session}
            standing={found?.standing ?? "unknown"}
            hadPicture={name !== null}
            onDial={() => connection.current?.dial()}
            onCredentials={(credentials) => connection.current?.submitCredentials(credentials)}
            onApprove={() => connection.current?.approveServer()}
          />
        </div>
        {chatOpen && (
          <ChatPanel
            page={chat}
            title="Chat"
            empty="Nothing was said yet. Everybody who has this desktop open can read what you write."
            draft={draft}
            onDraft={setDraft}
            takesFocus
            onClose={closeChat}
          />
        )}
      </div>
      {keyboardOpen && connected && watching === null && desktop && (
        <TouchKeyboard desktop={desktop} />
      )}
    </main>
  );
}

/** A job is known by what it shows: its display is called like all others of its host. */
function titleOf(session: Session | null): string | null {
  return session === null || session.job_url === null ? null : shortUrl(session.job_url);
}

/** Whether somebody writes there: their keys must not go to the desktop all of a sudden. */
function isInChat(): boolean {
  return document.activeElement?.closest(".chat") != null;
}
