/** What a page lends to what keeps it up to date; tests lend a clock of their own. */
export const pageClock = {
  isHidden: () => document.hidden,
  random: Math.random,
  now: Date.now,
  setTimer: (run: () => void, ms: number) => window.setTimeout(run, ms),
  clearTimer: (timer: number) => window.clearTimeout(timer),
};

/**
 * Calls back when waiting became pointless: the network came back, or someone looks at the tab again.
 * @returns ends it
 */
export function onWake(wake: () => void): () => void {
  const react = () => {
    if (!document.hidden) wake();
  };
  addEventListener("online", react);
  document.addEventListener("visibilitychange", react);
  return () => {
    removeEventListener("online", react);
    document.removeEventListener("visibilitychange", react);
  };
}
