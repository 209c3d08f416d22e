import type { ComponentChildren, RefObject } from "preact";
import { PlusIcon } from "../icons.tsx";

type SectionProps = {
  id: string;
  title: string;
  /** What it is for, as a sentence. */
  about: string;
  /** Of what has the keyboard when what had it is gone. */
  titleRef?: RefObject<HTMLHeadingElement | null> | null;
  action?: ComponentChildren;
  children: ComponentChildren;
};

/** One kind of what may come in, and the way to give more of it. */
export function Section({ id, title, about, titleRef = null, action, children }: SectionProps) {
  return (
    <section class="access-section" aria-labelledby={id} data-testid={id}>
      <header class="access-head">
        <div>
          <h2 id={id} ref={titleRef} tabIndex={-1}>
            {title}
          </h2>
          <p class="hint">{about}</p>
        </div>
        {action}
      </header>
      {children}
    </section>
  );
}

type MakeButtonProps = { word: string; testId: string; onClick(): void };

/** The way to give one more. */
export function MakeButton({ word, testId, onClick }: MakeButtonProps) {
  return (
    <button type="button" class="button" onClick={onClick} data-testid={testId}>
      <PlusIcon /> {word}
    </button>
  );
}

/** All that were given, or a sentence where none was. */
export function Rows({ none, children }: { none: string; children: ComponentChildren[] }) {
  if (children.length === 0) return <p class="hint access-none">{none}</p>;
  return <ul class="access-list">{children}</ul>;
}

type RowProps = {
  name: ComponentChildren;
  facts: ComponentChildren;
  /** What takes it back. */
  takeBack: { word: string; label: string; onClick(): void };
};

/** One that was given. */
export function Row({ name, facts, takeBack }: RowProps) {
  return (
    <li class="access-row" data-testid="access-row">
      <span class="access-text">
        <span class="access-name">{name}</span>
        <span class="access-facts">{facts}</span>
      </span>
      <button
        type="button"
        class="button danger"
        aria-label={takeBack.label}
        onClick={takeBack.onClick}
        data-testid="take-back"
      >
        {takeBack.word}
      </button>
    </li>
  );
}
