import type { TargetedInputEvent, TargetedKeyboardEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Desktop } from "./desktop.ts";
import { Keysym, keysymOfCharacter, keysymOfNamedKey, typedBetween } from "./keysyms.ts";

/** Something for the backspace key to delete: an empty field would not report it. */
const PADDING = "_".repeat(64);

const MODIFIERS = [
  { label: "Ctrl", keysym: Keysym.control },
  { label: "Alt", keysym: Keysym.alt },
] as const;

/** Keys that desktops need and on-screen keyboards lack. */
const EXTRA_KEYS = [
  { label: "Esc", name: "Escape", keysym: Keysym.escape },
  { label: "Tab", name: "Tab", keysym: Keysym.tab },
  { label: "←", name: "Left", keysym: Keysym.left },
  { label: "↑", name: "Up", keysym: Keysym.up },
  { label: "↓", name: "Down", keysym: Keysym.down },
  { label: "→", name: "Right", keysym: Keysym.right },
] as const;

/** Brings up the device's own keyboard through a hidden field and types on the desktop. */
export function TouchKeyboard({ desktop }: { desktop: Desktop }) {
  const field = useRef<HTMLTextAreaElement>(null);
  const before = useRef(PADDING);
  const [held, setHeld] = useState<readonly number[]>([]);

  const reset = () => {
    before.current = PADDING;
    if (!field.current) return;
    field.current.value = PADDING;
    field.current.setSelectionRange(PADDING.length, PADDING.length);
  };
  useEffect(() => {
    reset();
    field.current?.focus({ preventScroll: true });
  }, []);

  /** Presses a key together with the modifiers that were tapped before it. */
  const press = (keysym: number) => {
    for (const modifier of held) desktop.press(modifier, true);
    desktop.press(keysym);
    for (const modifier of held) desktop.press(modifier, false);
    setHeld([]);
  };

  const type = (event: TargetedInputEvent<HTMLTextAreaElement>) => {
    const { backspaces, typed } = typedBetween(before.current, event.currentTarget.value);
    for (let i = 0; i < backspaces; i += 1) press(Keysym.backspace);
    for (const character of typed) press(keysymOfCharacter(character));
    before.current = event.currentTarget.value;
    // While a word is composed its field must not change under it.
    const worn = before.current.length < PADDING.length / 2 || before.current.length > 1024;
    if (worn && !event.isComposing) reset();
  };

  const pressNamed = (event: TargetedKeyboardEvent<HTMLTextAreaElement>) => {
    const keysym = keysymOfNamedKey(event.key);
    if (keysym === null) return;
    event.preventDefault();
    press(keysym);
  };

  const toggle = (keysym: number) =>
    setHeld(held.includes(keysym) ? held.filter((other) => other !== keysym) : [...held, keysym]);

  // A tap on these keys must not put the keyboard away.
  const keepFocus = (event: Event) => event.preventDefault();

  return (
    <div class="touch-keys" data-testid="touch-keyboard">
      <textarea
        ref={field}
        class="touch-field"
        aria-label="Type on the desktop"
        autocapitalize="off"
        autocomplete="off"
        autocorrect="off"
        spellcheck={false}
        onInput={type}
        onKeyDown={pressNamed}
      />
      {MODIFIERS.map(({ label, keysym }) => (
        <button
          key={label}
          type="button"
          class="touch-key"
          aria-pressed={held.includes(keysym)}
          onPointerDown={keepFocus}
          onMouseDown={keepFocus}
          onClick={() => toggle(keysym)}
        >
          {label}
        </button>
      ))}
      {EXTRA_KEYS.map(({ label, name, keysym }) => (
        <button
          key={name}
          type="button"
          class="touch-key"
          aria-label={name}
          onPointerDown={keepFocus}
          onMouseDown={keepFocus}
          onClick={() => press(keysym)}
        >
          {label}
        </button>
      ))}
    </div>
  );
}
