import type { Host } from "../../protocol/api.ts";
import { OptionsIcon } from "../icons.tsx";

type Display = Host["displays"][number];

type DisplayCardProps = {
  display: Display;
  /** Why it cannot be opened now, in a few words; null if it can. */
  closed: string | null;
  opening: boolean;
  onOpen(): void;
  /** null for those who may not make sessions. */
  onOptions: (() => void) | null;
};

export function DisplayCard({ display, closed, opening, onOpen, onOptions }: DisplayCardProps) {
  const { port, name, width, height, security } = display;
  const title = nameOf(display);
  const facts = [
    width !== null && height !== null ? `${width} × ${height}` : null,
    describeSecurity(security),
    closed,
  ].filter((fact) => fact !== null && fact !== "");
  return (
    <div class="display-card">
      <button
        type="button"
        class="display"
        disabled={closed !== null}
        aria-busy={opening}
        onClick={onOpen}
        data-testid="display"
        data-port={port}
      >
        <span class="display-glass" aria-hidden="true">
          <span class="display-number">{display.display ?? "–"}</span>
        </span>
        <span class="display-text">
          <span class="display-name">{title}</span>
          <span class="display-port">
            {name && display.display !== null ? `display ${display.display} · ` : ""}port {port}
          </span>
          <span class="display-facts">{opening ? "Opening…" : facts.join(" · ")}</span>
        </span>
      </button>
      {onOptions && closed === null && (
        <button
          type="button"
          class="tool display-options"
          aria-label={`Open ${title} in another way`}
          title="Open in another way"
          onClick={onOptions}
          data-testid="display-options"
        >
          <OptionsIcon />
        </button>
      )}
    </div>
  );
}

/** What a display is called. Of a port beside 5900 to 5999 there is no number of a display. */
export function nameOf({ name, display, port }: Display): string {
  return name || (display === null ? `Port ${port}` : `Display ${display}`);
}

/** What a person will be asked for; "None" alone would read as if nothing protected them. */
function describeSecurity(security: readonly string[]): string | null {
  if (security.length === 0) return null;
  return security.includes("None") ? "no VNC password" : security.join(", ");
}
