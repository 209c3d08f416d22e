import { useEffect, useRef, useState } from "preact/hooks";
import { ChevronDownIcon } from "../icons.tsx";
import { usePage } from "../router.tsx";
import { ClipboardPanel } from "../viewer/clipboard-panel.tsx";
import type { Scaling } from "../viewer/desktop.ts";
import { Overlay } from "../viewer/overlay.tsx";
import { ShareDialog } from "../viewer/share-dialog.tsx";
import { statusSentence } from "../viewer/status.ts";
import { Toolbar } from "../viewer/toolbar.tsx";
import { TouchKeyboard } from "../viewer/touch-keyboard.tsx";
import { useClipboard } from "../viewer/use-clipboard.ts";
import { useDesktop } from "../viewer/use-desktop.ts";
import { useStanding } from "../viewer/use-standing.ts";
import { useEscapeChord, useFullScreen, useKeyboardInset } from "../viewer/use-window.ts";
import "../viewer/viewer.css";

/** Less height than this (a phone on its side) and the bar makes room for the desktop. */
const SHORT_WINDOW = "(max-height: 480px)";

export function Viewer({ sessionId }: { sessionId: string }) {
  const screen = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const bar = useRef<HTMLElement>(null);
  const { state, desktop, name, copied, clipped, stillShown, connection } = useDesktop(sessionId, {
    screen,
    still,
  });
  const connected = state.kind === "connected";
  const found = useStanding(sessionId, connected);
  const session = found?.session ?? null;
  const title = name || session?.label || "Desktop";
  const clipboard = useClipboard(copied);
  const [barShown, setBarShown] = useState(true);
  const [clipboardOpen, setClipboardOpen] = useState(false);
  const [sharing, setSharing] = useState(false);
  const [keyboardOpen, setKeyboardOpen] = useState(false);
  const [scaling, setScaling] = useState<Scaling>("fit");
  const [panning, setPanning] = useState(true);
  const fullScreen = useFullScreen();

  usePage(title, state.kind);
  useKeyboardInset();
  useEscapeChord(() => {
    setBarShown(true);
    // The bar is there after this render; its first control takes the keyboard.
    requestAnimationFrame(() => bar.current?.querySelector<HTMLElement>("a, button")?.focus());
  });

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
    if (!clipboardOpen && !keyboardOpen && !sharing) desktop?.focus();
    if (matchMedia(SHORT_WINDOW).matches) setBarShown(false);
  }, [connected, desktop]);

  const closeClipboard = () => {
    setClipboardOpen(false);
    desktop?.focus();
  };

  return (
    <main class="viewer">
      <h1 class="visually-hidden">{title}</h1>
      <p class="visually-hidden" role="status" aria-live="polite" data-testid="status">
        {statusSentence(state)}
      </p>
      {barShown ? (
        <Toolbar
          barRef={bar}
          title={title}
          state={state}
          standing={found?.standing ?? null}
          scaling={scaling}
          panning={panning}
          canPan={connected && scaling === "actual" && clipped}
          fullScreen={fullScreen}
          clipboardOpen={clipboardOpen}
          clipboardNews={clipboard.unseen}
          keyboardOpen={keyboardOpen}
          onShare={() => setSharing(true)}
          onCtrlAltDel={() => {
            desktop?.pressCtrlAltDel();
            desktop?.focus();
          }}
          onScaling={() => setScaling(scaling === "fit" ? "actual" : "fit")}
          onPanning={() => setPanning(!panning)}
          onClipboard={() => (clipboardOpen ? closeClipboard() : setClipboardOpen(true))}
          onKeyboard={() => setKeyboardOpen(!keyboardOpen)}
          onHide={() => {
            setBarShown(false);
            setClipboardOpen(false);
            desktop?.focus();
          }}
        />
      ) : (
        <button
          type="button"
          class="bar-handle"
          aria-label="Show the toolbar"
          title="Show the toolbar"
          onClick={() => setBarShown(true)}
          data-testid="show-toolbar"
        >
          <ChevronDownIcon />
        </button>
      )}
      {clipboardOpen && (
        <ClipboardPanel
          clipboard={clipboard}
          connected={connected}
          onSend={(text) => desktop?.paste(text)}
          onClose={closeClipboard}
        />
      )}
      {sharing && session && <ShareDialog session={session} onClose={() => setSharing(false)} />}
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
          guest={found?.standing === "guest"}
          hadPicture={name !== null}
          onDial={() => connection.current?.dial()}
          onCredentials={(credentials) => connection.current?.submitCredentials(credentials)}
          onApprove={() => connection.current?.approveServer()}
        />
      </div>
      {keyboardOpen && connected && desktop && <TouchKeyboard desktop={desktop} />}
    </main>
  );
}
