import type { ComponentChildren, RefObject } from "preact";
import {
  ActualSizeIcon,
  BackIcon,
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
  scaling: Scaling;
  panning: boolean;
  canPan: boolean;
  fullScreen: FullScreen;
  clipboardOpen: boolean;
  clipboardNews: boolean;
  keyboardOpen: boolean;
  onShare(): void;
  onCtrlAltDel(): void;
  onScaling(): void;
  onPanning(): void;
  onClipboard(): void;
  onKeyboard(): void;
  onHide(): void;
};

const hasTouch = matchMedia("(any-pointer: coarse)").matches;

export function Toolbar(props: ToolbarProps) {
  const { state, fullScreen } = props;
  const connected = state.kind === "connected";
  return (
    <header class="bar" ref={props.barRef} data-testid="toolbar">
      <Corner standing={props.standing} />
      <div class="bar-title" title={`${props.title}. Ctrl+Alt+Shift brings the keyboard here.`}>
        <span class={`dot ${state.kind}`} aria-hidden="true" />
        <span class="bar-name" data-testid="desktop-name">
          {props.title}
        </span>
        <span class="bar-status">{statusLabel(state)}</span>
      </div>
      <div class="bar-tools" role="toolbar" aria-label="Desktop">
        {hasTouch && (
          <Tool
            label="On-screen keyboard"
            pressed={props.keyboardOpen}
            disabled={!connected}
            onClick={props.onKeyboard}
            testId="keyboard"
          >
            <KeyboardIcon />
          </Tool>
        )}
        {props.standing === "operator" && (
          <Tool label="Share this desktop" onClick={props.onShare} testId="share">
            <ShareIcon />
          </Tool>
        )}
        <Tool
          label={props.clipboardNews ? "Clipboard: the desktop copied something" : "Clipboard"}
          pressed={props.clipboardOpen}
          onClick={props.onClipboard}
          testId="clipboard"
        >
          <ClipboardIcon />
          {props.clipboardNews && <span class="badge" />}
        </Tool>
        <Tool
          label="Send Ctrl+Alt+Del"
          wide
          disabled={!connected}
          onClick={props.onCtrlAltDel}
          testId="ctrl-alt-del"
        >
          <kbd class="key wide-key">Ctrl</kbd>
          <kbd class="key wide-key">Alt</kbd>
          <kbd class="key">Del</kbd>
        </Tool>
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

/** The way back, for those who came from the overview; guests have none. */
function Corner({ standing }: { standing: Standing | null }) {
  if (standing === null || standing === "guest") {
    return <span class="corner">{standing === "guest" && <Logo />}</span>;
  }
  return (
    <Link to="/" class="tool" label="Back to the overview" testId="to-overview">
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
  /** Takes the room its content needs. */
  wide?: boolean;
  testId?: string;
};

function Tool({ label, pressed, disabled, wide, onClick, children, testId }: ToolProps) {
  return (
    <button
      type="button"
      class={`tool ${wide ? "wide" : ""}`}
      aria-label={label}
      title={label}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
      data-testid={testId}
    >
      {children}
    </button>
  );
}
