import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";

/** What has the keyboard, and what it belongs to, which may be there when it is gone. */
type Holder = { element: HTMLElement; seq: string | undefined; keeper: HTMLElement | null };

/**
 * Keeps the keyboard in a chat whose buttons come and go: a browser gives it to nobody when what has
 * it is taken away, and beside a desktop that comes back, nobody's keys are the desktop's.
 * @param field gets it where nothing nearer does; what is marked `data-keeps-focus` is nearer
 */
export function useKeptFocus(
  chat: RefObject<HTMLElement | null>,
  field: RefObject<HTMLElement | null>,
): void {
  useLayoutEffect(() => {
    const section = chat.current;
    if (!section) return;
    let holder: Holder | null = null;
    const hold = (target: EventTarget | null) => {
      const isHere = target instanceof HTMLElement && section.contains(target);
      holder = isHere ? holderOf(target) : null;
    };
    const follow = ({ target }: FocusEvent) => hold(target);
    // Whoever goes elsewhere, be it to nothing at all, is not brought back.
    const leave = ({ target }: PointerEvent) => {
      if (!section.contains(target as Node)) holder = null;
    };
    // Its callback runs before any key that is pressed next.
    const changes = new MutationObserver((records) => {
      if (!holder || !isNobody(document.activeElement)) return;
      const { element } = holder;
      const wasMoved = records.some(({ removedNodes }) =>
        [...removedNodes].some((removed) => removed.contains(element)),
      );
      if (wasMoved) (placeOf(holder, section) ?? field.current)?.focus({ preventScroll: true });
    });
    changes.observe(section, { childList: true, subtree: true });
    document.addEventListener("focusin", follow);
    document.addEventListener("pointerdown", leave);
    hold(document.activeElement);
    return () => {
      changes.disconnect();
      document.removeEventListener("focusin", follow);
      document.removeEventListener("pointerdown", leave);
    };
  }, []);
}

function isNobody(active: Element | null): boolean {
  return active === null || active === document.body;
}

function holderOf(element: HTMLElement): Holder {
  return {
    element,
    seq: element.closest<HTMLElement>("[data-seq]")?.dataset.seq,
    keeper: element.closest<HTMLElement>("[data-keeps-focus]"),
  };
}

/** The thing itself, what has become of its message, or what it was a part of; null if all is gone. */
function placeOf({ element, seq, keeper }: Holder, section: HTMLElement): HTMLElement | null {
  if (element.isConnected) return element;
  const line = seq && section.querySelector<HTMLElement>(`[data-seq="${seq}"]`);
  if (line) return line.querySelector<HTMLElement>("button") ?? line;
  return keeper?.isConnected ? keeper : null;
}
