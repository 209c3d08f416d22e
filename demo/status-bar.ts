import { drawText, FACES, textWidth } from "./font.ts";
import type { Framebuffer } from "./framebuffer.ts";
import { intersect, type Rect } from "./rect.ts";
import { THEME } from "./theme.ts";

const ABOUT = "This is Porthole's demo desktop. It runs on your machine.";
const BASELINE = 21;

/** Height of the bar, in pixels. */
export const STATUS_BAR_HEIGHT = 34;

/** Draws the line along the desktop's lower edge: what this is, and how many watch it. */
export function drawStatusBar(target: Framebuffer, bar: Rect, area: Rect, viewers: number): void {
  if (intersect(area, bar) === undefined) return;
  target.fillRect(bar, THEME.night, 0.78);
  drawText(target, FACES.ui, bar.x + 20, bar.y + BASELINE, ABOUT, THEME.onDark);
  const count = viewers === 1 ? "1 viewer connected" : `${viewers} viewers connected`;
  const left = bar.x + bar.width - 20 - textWidth(FACES.ui, count);
  drawText(target, FACES.ui, left, bar.y + BASELINE, count, THEME.onDark);
  const light = viewers > 0 ? THEME.ready : THEME.muted;
  target.fillCircle({ x: left - 14, y: bar.y + bar.height / 2 }, 4, light);
}
