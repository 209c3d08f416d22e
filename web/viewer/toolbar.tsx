import type { ComponentChildren, RefObject } from "preact";
import type { ControlRequest } from "../../protocol/chat.ts";
import type { Role } from "../../protocol/link.ts";
import { countOf, newMessages, type Unseen } from "../chat/count.ts";
import {
  ActualSizeIcon,
  BackIcon,
  ChatIcon,
  ChevronUpIcon,
  ClipboardIcon,
  EnterFullScreenIcon,
  FitIcon,
  KeyboardIcon,
  LeaveFullScreenIcon,
  Logo,
  PanIcon,
  ShareIcon,
} from "../icons.tsx";
import { Link } from "../router.tsx";
import { ControlMark } from "./control-mark.tsx";
import type { ControlView } from "./control-view.ts";
import type { Scaling } from "./desktop.ts";
import type { Standing } from "./standing.ts";
import type { ViewerState } from "./states.ts";
import { statusLabel } from "./status.ts";
import type { FullScreen } from "./use-window.ts";

type ToolbarProps = {
  barRef: RefObject<HTMLElement | null>;
  title: string;
  state: ViewerState;
  /** Who looks; null while that is not known yet. */
  standing: Standing | null;
  /** Where they came from. */
  back: { to: string; label: string };
  /** The highest that they may have: what could never work is not there. null if not known yet. */
  role: Role | null;
  /** null where everybody here controls. */
  control: ControlView | null;
  markRef: RefObject<HTMLButtonElement | null>;
  controlOpen: boolean;
  scaling: Scaling;
  panning: boolean;
  canPan: boolean;
  fullScreen: FullScreen;
  /** Whether texts may pass at all. */
  hasClipboard: boolean;
  clipboardOpen: boolean;
  clipboardNews: boolean;
  chatRef: RefObject<HTMLButtonElement | null>;
  hasChat: boolean;
  chatOpen: boolean;
  /** How many messages nobody has seen here. */
  unseen: Unseen;
  keyboardOpen: boolean;
  onControl(): void;
  onRequest(op: ControlRequest["op"]): void;
  /** A tool was tried that cannot work now. */
  onReason(sentence: string): void;
  onShare(): void;
  onCtrlAltDel(): void;
  onScaling(): void;
  onPanning(): void;
  onClipboard(): void;
  onChat(): void;
  onKeyboard(): void;
  onHide(): void;
};

const hasTouch = matchMedia("(any-pointer: coarse)").matches;

export function Toolbar(props: ToolbarProps) {
  const { state, fullScreen } = props;
  const connected = state.kind === "connected";
  const isOver = state.kind === "ended" && state.action === "open-again";
  const mayControl = props.role === "control";
  const reason = connected ? (props.control?.watching ?? null) : null;
  return (
    <header class="bar" ref={props.barRef} data-testid="toolbar">
      <Corner standing={props.standing} back={props.back} />
      <div class="bar-title" title={`${props.title}. Ctrl+Alt+Shift brings the keyboard here.`}>
        <span class={`dot ${state.kind}`} aria-hidden="true" />
        <span class="bar-name" data-testid="desktop-name">
          {props.title}
        </span>
        <span class="bar-status">{statusLabel(state)}</span>
      </div>
      {props.control && (
        <ControlMark
          view={props.control}
          markRef={props.markRef}
          open={props.controlOpen}
          onOpen={props.onControl}
          onRequest={props.onRequest}
        />
      )}
      <div class="bar-tools" role="toolbar" aria-label="Desktop">
        {hasTouch && mayControl && (
          <Tool
            label="On-screen keyboard"
            pressed={props.keyboardOpen && reason === null}
            disabled={!connected}
            reason={reason}
            onReason={props.onReason}
            onClick={props.onKeyboard}
            testId="keyboard"
          >
            <KeyboardIcon />
          </Tool>
        )}
        {props.standing === "operator" && !isOver && (
          <Tool label="Share this desktop" onClick={props.onShare} testId="share">
            <ShareIcon />
          </Tool>
        )}
        {props.hasChat && (
          <Tool
            label={chatLabel(props.unseen)}
            pressed={props.chatOpen}
            buttonRef={props.chatRef}
            onClick={props.onChat}
            testId="chat-tool"
          >
            <ChatIcon />
            {props.unseen.count > 0 && (
              <span class="badge count" aria-hidden="true" data-testid="unseen">
                {countOf(props.unseen)}
              </span>
            )}
          </Tool>
        )}
        {props.hasClipboard && (
          <Tool
            label={props.clipboardNews ? "Clipboard: the desktop copied something" : "Clipboard"}
            pressed={props.clipboardOpen}
            onClick={props.onClipboard}
            testId="clipboard"
          >
            <ClipboardIcon />
            {props.clipboardNews && <span class="badge" />}
          </Tool>
        )}
        {mayControl && (
          <Tool
            label="Send Ctrl+Alt+Del"
            wide
            disabled={!connected}
            reason={reason}
            onReason={props.onReason}
            onClick={props.onCtrlAltDel}
            testId="ctrl-alt-del"
          >
            <kbd class="key wide-key">Ctrl</kbd>
            <kbd class="key wide-key">Alt</kbd>
            <kbd class="key">Del</kbd>
          </Tool>
        )}
        {props.canPan && (
          <Tool label="Drag to move around" pressed={props.panning} onClick={props.onPanning}>
            <PanIcon />
          </Tool>
        )}
        <Tool
          label={props.scaling === "fit" ? "Show at actual size" : "Fit into the window"}
          onClick={props.onScaling}
          testId="scaling"
        >
          {props.scaling === "fit" ? <ActualSizeIcon /> : <FitIcon />}
        </Tool>
        {fullScreen.possible && (
          <Tool
            label={fullScreen.on ? "Leave full screen" : "Full screen"}
            onClick={fullScreen.toggle}
            testId="full-screen"
          >
            {fullScreen.on ? <LeaveFullScreenIcon /> : <EnterFullScreenIcon />}
          </Tool>
        )}
        <Tool label="Hide the toolbar" onClick={props.onHide} testId="hide-toolbar">
          <ChevronUpIcon />
        </Tool>
      </div>
    </header>
  );
}

function chatLabel(unseen: Unseen): string {
  return unseen.count === 0 ? "Chat" : `Chat: ${newMessages(unseen)}`;
}

/** The way back, for those who came from a page of ours; guests have none. */
function Corner({ standing, back }: Pick<ToolbarProps, "standing" | "back">) {
  if (standing === null || standing === "guest") {
    return <span class="corner">{standing === "guest" && <Logo />}</span>;
  }
  return (
    <Link to={back.to} class="tool" label={back.label} testId="to-overview">
      <BackIcon />
    </Link>
  );
}

type ToolProps = {
  label: string;
  onClick(): void;
  children: ComponentChildren;
  pressed?: boolean;
  disabled?: boolean;
  /** Why it cannot work now, for those who try or only point at it. */
  reason?: string | null;
  onReason?(sentence: string): void;
  /** Takes the room its content needs. */
  wide?: boolean;
  buttonRef?: RefObject<HTMLButtonElement | null>;
  testId?: string;
};

function Tool({ label, pressed, disabled, reason = null, wide, ...rest }: ToolProps) {
  return (
    <button
      type="button"
      ref={rest.buttonRef ?? null}
      class={`tool ${wide ? "wide" : ""}`}
      aria-label={reason === null ? label : `${label}. ${reason}`}
      title={reason === null ? label : undefined}
      aria-pressed={pressed}
      disabled={disabled}
      // Not disabled: the keyboard would pass it by, and with it the reason.
      aria-disabled={reason !== null}
      data-reason={reason ?? undefined}
      onClick={reason === null ? rest.onClick : () => rest.onReason?.(reason)}
      data-testid={rest.testId}
    >
      {rest.children}
    </button>
  );
}
