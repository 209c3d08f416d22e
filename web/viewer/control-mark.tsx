import type { RefObject, TargetedMouseEvent } from "preact";
import type { ControlRequest } from "../../protocol/chat.ts";
import { EyeIcon, PointerIcon } from "../icons.tsx";
import type { ControlView } from "./control-view.ts";

/** What each request is called on a button, for who waits already too. */
export function nameOfOp(op: ControlRequest["op"], { holds, people }: ControlView): string {
  if (op === "release") return holds ? "Release control" : "Stop asking";
  if (op === "take" || !people.some(({ part }) => part === "holds")) return "Take control";
  return op === "ask" ? "Ask for control" : "Give control";
}

/**
 * The second of two fast clicks would fall on what the first one put in its place, and undo it.
 */
export function once(act: () => void) {
  return (event: TargetedMouseEvent<HTMLElement>) => {
    if (event.detail < 2) act();
  };
}

type ControlMarkProps = {
  view: ControlView;
  markRef: RefObject<HTMLButtonElement | null>;
  open: boolean;
  onOpen(): void;
  onRequest(op: ControlRequest["op"]): void;
};

/** In the bar: who controls, or that one may only watch, and the first thing to do about it. */
export function ControlMark({ view, markRef, open, onOpen, onRequest }: ControlMarkProps) {
  const [op] = view.ops;
  return (
    // Who controls takes words, and where the window is narrow a row of its own.
    <div class={`control ${view.exclusive ? "long" : ""}`}>
      <button
        ref={markRef}
        type="button"
        class={`mark ${view.holds ? "holds" : ""}`}
        aria-expanded={open}
        aria-haspopup="dialog"
        title={view.sentence}
        onClick={onOpen}
        data-testid="control-mark"
      >
        {view.watching === null ? <PointerIcon /> : <EyeIcon />}
        <span class="mark-text">{view.label}</span>
        {view.waits && <span class="mark-note">· you asked</span>}
      </button>
      {op && (
        <button
          // One that stayed would do the opposite while Enter is still held down.
          key={nameOfOp(op, view)}
          type="button"
          class="button small"
          onClick={once(() => onRequest(op))}
          data-testid="control-op"
        >
          {nameOfOp(op, view)}
        </button>
      )}
    </div>
  );
}
