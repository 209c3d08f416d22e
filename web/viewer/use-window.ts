import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

export type FullScreen = { possible: boolean; on: boolean; toggle(): void };

/** The whole page, not an element of it: noVNC draws its touch cursor in the body. */
export function useFullScreen(): FullScreen {
  const [on, setOn] = useState(document.fullscreenElement !== null);
  useEffect(() => {
    const update = () => setOn(document.fullscreenElement !== null);
    document.addEventListener("fullscreenchange", update);
    return () => {
      document.removeEventListener("fullscreenchange", update);
      // Leaving the viewer through the back button would leave the overview in full screen.
      if (document.fullscreenElement) void document.exitFullscreen();
    };
  }, []);
  return {
    possible: document.fullscreenEnabled === true,
    on,
    toggle: () => {
      const done = document.fullscreenElement
        ? document.exitFullscreen()
        : document.documentElement.requestFullscreen({ navigationUI: "hide" });
      done.catch((error: unknown) => console.warn(error));
    },
  };
}

/**
 * Ctrl+Alt+Shift, pressed and released together, takes the keyboard back from the desktop, which
 * gets every other key. It acts on the release, so that the desktop has seen all keys go up.
 */
export function useEscapeChord(onEscape: () => void): void {
  const react = useRef(onEscape);
  react.current = onEscape;
  useEffect(() => {
    let armed = false;
    const watch = (event: KeyboardEvent) => {
      const isModifier = ["Control", "Alt", "Shift", "Meta"].includes(event.key);
      if (event.type === "keydown") {
        armed = isModifier && event.ctrlKey && event.altKey && event.shiftKey;
      } else if (armed && !event.ctrlKey && !event.altKey && !event.shiftKey) {
        armed = false;
        react.current();
      }
    };
    // Before noVNC, which keeps the events of its canvas to itself.
    addEventListener("keydown", watch, true);
    addEventListener("keyup", watch, true);
    return () => {
      removeEventListener("keydown", watch, true);
      removeEventListener("keyup", watch, true);
    };
  }, []);
}

/** Safari lays its on-screen keyboard over the page: the viewer ends where the keyboard begins. */
export function useKeyboardInset(): void {
  useEffect(() => {
    const viewport = window.visualViewport;
    if (!viewport) return;
    const root = document.documentElement;
    const update = () => {
      // Zoomed in, the visible part is smaller without any keyboard.
      const height = viewport.scale === 1 ? `${viewport.height}px` : "";
      root.style.setProperty("--viewer-height", height);
    };
    update();
    viewport.addEventListener("resize", update);
    return () => {
      viewport.removeEventListener("resize", update);
      root.style.removeProperty("--viewer-height");
    };
  }, []);
}

/** Tells when somebody clicks or types on an element that takes neither now. */
export function useTries(
  element: RefObject<HTMLElement | null>,
  on: boolean,
  onTry: () => void,
): void {
  const react = useRef(onTry);
  react.current = onTry;
  useEffect(() => {
    const target = element.current;
    if (!on || !target) return;
    const tryIt = () => react.current();
    const type = ({ key, ctrlKey, metaKey }: KeyboardEvent) => {
      // Keys that lead elsewhere, and the browser's own, are none that were meant for the desktop.
      if ((key.length === 1 || key === "Enter") && !ctrlKey && !metaKey) tryIt();
    };
    // Before noVNC, which keeps the events of its canvas to itself.
    target.addEventListener("pointerdown", tryIt, true);
    target.addEventListener("keydown", type, true);
    return () => {
      target.removeEventListener("pointerdown", tryIt, true);
      target.removeEventListener("keydown", type, true);
    };
  }, [on]);
}
