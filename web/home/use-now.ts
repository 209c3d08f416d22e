import { useEffect, useReducer } from "preact/hooks";

const TICK_MS = 15_000;

/** The time, for what is said in minutes: ages go on while nothing else changes. */
export function useNow(): number {
  const [, tick] = useReducer((count: number, _: undefined) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(() => tick(undefined), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return Date.now();
}
