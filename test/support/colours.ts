import type { Locator } from "playwright-core";

/** Red, green and blue, each from 0 to 255. */
type Colour = readonly [number, number, number];

/** The colours of a button with an icon. */
export type ButtonColours = { icon: Colour; face: Colour; around: Colour; ring: Colour };

/** WCAG 2.2, 1.4.11: what has to be seen to use a page stands out this much from what is beside it. */
export const SEEN_CONTRAST = 3;

/** How much two colours differ, as WCAG 2.2 has it: from 1 to 21. */
export function contrast(one: Colour, other: Colour): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: Colour): number {
  const [red = 0, green = 0, blue = 0] = colour.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** What is seen of it, once it has settled. */
export function coloursOf(button: Locator): Promise<ButtonColours> {
  return button.evaluate(async (button) => {
    await Promise.allSettled(
      button.getAnimations({ subtree: true }).map(({ finished }) => finished),
    );
    const brush = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    /** As they lie over each other, the lowest first. */
    const mixed = (layers: readonly { colour: string; opacity: number }[]): Colour => {
      if (!brush) throw new Error("There is no canvas.");
      brush.globalAlpha = 1;
      brush.clearRect(0, 0, 1, 1);
      for (const { colour, opacity } of layers) {
        brush.globalAlpha = opacity;
        brush.fillStyle = colour;
        brush.fillRect(0, 0, 1, 1);
      }
      const [red = 0, green = 0, blue = 0] = brush.getImageData(0, 0, 1, 1).data;
      return [red, green, blue];
    };
    const faces = [];
    for (let one: Element | null = button; one; one = one.parentElement) {
      faces.unshift({ colour: getComputedStyle(one).backgroundColor, opacity: 1 });
    }
    const icon = getComputedStyle(button.querySelector(".icon") ?? button);
    const { outlineColor, outlineStyle } = getComputedStyle(button);
    const around = mixed(faces.slice(0, -1));
    return {
      face: mixed(faces),
      around,
      icon: mixed([...faces, { colour: icon.stroke, opacity: Number(icon.opacity) }]),
      ring: outlineStyle === "none" ? around : mixed([{ colour: outlineColor, opacity: 1 }]),
    };
  });
}
