import type { ViewerState } from "./states.ts";
import type { ControlOfPage } from "./use-control.ts";

/**
 * The state as a sentence, for those who hear the page. Waiting and dialling again sound the same:
 * an outage is announced once, not at every attempt.
 */
export function statusSentence(state: ViewerState): string {
  switch (state.kind) {
    case "connecting":
      return "Connecting.";
    case "connected":
      return "Connected.";
    case "preparing":
      return state.reason;
    case "waiting":
    case "reconnecting":
      return `${state.reason} Trying again.`;
    case "credentials":
      return "The desktop asks who you are.";
    case "verifying":
      return "The desktop shows its key.";
    case "ended":
      return state.reason;
  }
}

/** One or two words for the dot in the bar. */
export function statusLabel(state: ViewerState): string {
  switch (state.kind) {
    case "connecting":
      return "Connecting";
    case "connected":
      return "Connected";
    case "preparing":
      return state.status === "queued" ? "Queued" : "Starting";
    case "waiting":
    case "reconnecting":
      return "Reconnecting";
    case "credentials":
    case "verifying":
      return "Waiting for you";
    case "ended":
      return "Not connected";
  }
}

/** Who controls, for those who hear the page: what must not be missed first. */
export function controlSentence(control: Pick<ControlOfPage, "view" | "flash" | "lost" | "asker">) {
  const { view, flash, lost, asker } = control;
  const asks = asker && `${asker.name} asks for control.`;
  return [asks, lost ?? flash ?? view?.sentence].filter(Boolean).join(" ");
}
