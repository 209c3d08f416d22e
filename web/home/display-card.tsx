import type { Host } from "../../protocol/api.ts";

type DisplayCardProps = {
  display: Host["displays"][number];
  online: boolean;
  opening: boolean;
  onOpen(port: number, name: string): void;
};

export function DisplayCard({ display, online, opening, onOpen }: DisplayCardProps) {
  const { port, name, width, height, security } = display;
  const title = name || `Display ${display.display}`;
  const facts = [
    width !== null && height !== null ? `${width} × ${height}` : null,
    describeSecurity(security),
  ].filter((fact) => fact !== null);
  return (
    <button
      type="button"
      class="display"
      disabled={!online}
      aria-busy={opening}
      onClick={() => onOpen(port, title)}
      data-testid="display"
      data-port={port}
    >
      <span class="display-glass" aria-hidden="true">
        <span class="display-number">{display.display}</span>
      </span>
      <span class="display-text">
        <span class="display-name">{title}</span>
        <span class="display-port">
          {name ? `display ${display.display} · ` : ""}port {port}
        </span>
        <span class="display-facts">{opening ? "Opening…" : facts.join(" · ")}</span>
      </span>
    </button>
  );
}

/** What a person will be asked for; "None" alone would read as if nothing protected them. */
function describeSecurity(security: readonly string[]): string | null {
  if (security.length === 0) return null;
  return security.includes("None") ? "no VNC password" : security.join(", ");
}
