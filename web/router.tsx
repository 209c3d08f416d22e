import type { ComponentChildren, TargetedMouseEvent } from "preact";
import { useEffect, useState } from "preact/hooks";
import { navigate } from "./navigate.ts";

/** The path of the page, kept up to date through clicks, the back button and {@link navigate}. */
export function usePath(): string {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const update = () => setPath(location.pathname);
    addEventListener("popstate", update);
    return () => removeEventListener("popstate", update);
  }, []);
  return path;
}

type LinkProps = {
  to: string;
  class?: string;
  label?: string;
  /** Whether it leads to what is shown already. */
  current?: boolean;
  children: ComponentChildren;
  testId?: string;
};

export function Link({ to, label, current = false, children, testId, ...rest }: LinkProps) {
  const follow = (event: TargetedMouseEvent<HTMLAnchorElement>) => {
    // A new tab or window is the browser's to open.
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey)
      return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a
      href={to}
      onClick={follow}
      aria-label={label}
      aria-current={current ? "page" : undefined}
      title={label}
      data-testid={testId}
      {...rest}
    >
      {children}
    </a>
  );
}

/** Names the page, and puts its state where tests and styles can see it. */
export function usePage(title: string, state: string): void {
  useEffect(() => {
    document.title = title === "" ? "Porthole" : `${title} · Porthole`;
  }, [title]);
  useEffect(() => {
    document.documentElement.dataset.state = state;
  }, [state]);
}
