import type { TargetedKeyboardEvent } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { ControlRequest } from "../../protocol/chat.ts";
import { CloseIcon } from "../icons.tsx";
import { nameOfOp, once } from "./control-mark.tsx";
import type { ControlView, PersonHere } from "./control-view.ts";

type ControlPanelProps = {
  view: ControlView;
  onRequest(op: ControlRequest["op"], to?: string): void;
  onClose(): void;
};

/** Who is here, who controls, and everything that can be done about it. */
export function ControlPanel({ view, onRequest, onClose }: ControlPanelProps) {
  const close = useRef<HTMLButtonElement>(null);
  useEffect(() => close.current?.focus(), []);
  const closeOnEscape = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.key === "Escape") onClose();
  };
  const me = view.people.find((person) => person.me);
  return (
    <section
      class="panel control-panel"
      role="dialog"
      aria-label="Control"
      onKeyDown={closeOnEscape}
      data-testid="control-panel"
    >
      <div class="panel-head">
        <h2>Control</h2>
        <button
          ref={close}
          type="button"
          class="tool"
          aria-label="Close"
          onClick={onClose}
          data-testid="close-control"
        >
          <CloseIcon />
        </button>
      </div>
      <p>{view.sentence}</p>
      {view.ops.length > 0 && (
        <div class="actions">
          {view.ops.map((op) => (
            <button
              key={nameOfOp(op, view)}
              type="button"
              class="button"
              onClick={once(() => onRequest(op))}
              data-testid={`control-${op}`}
            >
              {op === "take" ? "Take control now" : nameOfOp(op, view)}
            </button>
          ))}
        </div>
      )}
      {view.ops.includes("take") && (
        <p class="hint">As staff you may take it: whoever has it can then only watch.</p>
      )}
      {view.people.length > 0 && (
        <>
          <h3>Here now</h3>
          <ul class="people">
            {view.people.map((person) => (
              <li key={person.id} data-testid="person">
                <span class="person-text">
                  <span>{person.me ? `You (${person.name})` : person.name}</span>
                  <span class="hint">{describe(person)}</span>
                </span>
                {view.holds && view.ops.length > 0 && !person.me && (
                  <button
                    type="button"
                    class="button small"
                    aria-label={`Give control to ${person.name}`}
                    onClick={once(() => onRequest("give", person.id))}
                    data-testid="give"
                  >
                    Give control
                  </button>
                )}
              </li>
            ))}
          </ul>
          {me?.part === "asks" && <p class="hint">Whoever has control sees that you ask.</p>}
        </>
      )}
    </section>
  );
}

function describe({ role, part }: PersonHere): string {
  const what = part === "holds" ? "has control" : part === "asks" ? "asks for control" : null;
  return [ROLES[role], what].filter((word) => word !== null).join(" · ");
}

const ROLES = { guest: "guest", viewer: "viewer", operator: "operator" } as const;
