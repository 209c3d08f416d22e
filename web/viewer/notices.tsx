import { CloseIcon } from "../icons.tsx";
import { nameOfOp, once } from "./control-mark.tsx";
import type { ControlOfPage } from "./use-control.ts";

type NoticesProps = { control: ControlOfPage; onDone(): void };

/**
 * What must not be missed, over the desktop: it takes no keys, and covers little. Those who hear the
 * page are told by its live region.
 * @param onDone after a button was pressed that is gone then
 */
export function Notices({ control, onDone }: NoticesProps) {
  const { view, asker, lost, flash, request } = control;
  const mayAct = view !== null && view.ops.length > 0;
  const then = (act: () => void) =>
    once(() => {
      act();
      onDone();
    });
  return (
    <div class="notices">
      <div class="notices-stack">
        {asker && (
          <section class="toast" aria-label={`${asker.name} asks for control`} data-testid="asker">
            <p>
              <strong>{asker.name}</strong> asks for control.
            </p>
            <div class="toast-actions">
              <button
                type="button"
                class="button primary small"
                disabled={!mayAct}
                onClick={then(() => request("give", asker.id))}
                data-testid="give-asked"
              >
                Give
              </button>
              <button
                type="button"
                class="button small"
                onClick={then(() => control.putOff(asker.id))}
                data-testid="put-off"
              >
                Not now
              </button>
            </div>
          </section>
        )}
        {lost && (
          <section class="toast warn" aria-label="Control changed" data-testid="lost">
            <p>{lost}</p>
            <div class="toast-actions">
              {view && view.ops[0] === "ask" && (
                <button
                  type="button"
                  class="button small"
                  onClick={then(() => {
                    request("ask");
                    control.dismissLost();
                  })}
                  data-testid="ask-back"
                >
                  {nameOfOp("ask", view)}
                </button>
              )}
              <button
                type="button"
                class="tool"
                aria-label="Close this notice"
                onClick={then(control.dismissLost)}
              >
                <CloseIcon />
              </button>
            </div>
          </section>
        )}
        {flash && (
          <div class="toast" aria-hidden="true" data-testid="flash">
            <p>{flash}</p>
          </div>
        )}
      </div>
    </div>
  );
}
