import { type Color, coverage, Framebuffer, length, type Point } from "./framebuffer.ts";

const HULL_TOP = 0x1d4560;
const HULL_BOTTOM = 0x0b1e30;
const BRASS = 0xc8a568;
const BRASS_LIGHT = 0xf0dcae;
const BRASS_DARK = 0x6e5630;
const RIVETS = 12;

/** The waves from the far one to the near one; all are parts of the glass's radius. */
const WAVES = [
  { level: 0.16, height: 0.012, span: 0.34, shift: 0.4, color: 0x3f8fa8 },
  { level: 0.28, height: 0.022, span: 0.55, shift: 1.9, color: 0x2f7d99 },
  { level: 0.44, height: 0.034, span: 0.8, shift: 3.3, color: 0x226a88 },
  { level: 0.64, height: 0.045, span: 1.1, shift: 5.1, color: 0x185674 },
];

/** The colour `t` (0 to 1) of the way from one to the other. */
function mix(from: Color, to: Color, t: number): Color {
  const part = (shift: number) => {
    const a = (from >> shift) & 255;
    return Math.round(a + (((to >> shift) & 255) - a) * t) << shift;
  };
  return part(16) | part(8) | part(0);
}

/** 0 below `from`, 1 above `to`, smooth between. */
function smoothStep(from: number, to: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - from) / (to - from)));
  return t * t * (3 - 2 * t);
}

/** The picture behind the windows: a ship's wall with a porthole, and the sea outside it. */
export function drawWallpaper(width: number, height: number): Framebuffer {
  const picture = new Framebuffer(width, height);
  for (let y = 0; y < height; y++) {
    picture.fillRect({ x: 0, y, width, height: 1 }, mix(HULL_TOP, HULL_BOTTOM, y / height));
  }
  const center = { x: Math.round(width * 0.755), y: Math.round(height * 0.275) };
  const radius = Math.round(Math.min(width * 0.15, height * 0.205));

  // Light from the window falls on the wall around it.
  const reach = Math.round(radius * 3.4);
  const lit = { x: center.x - reach, y: center.y - reach, width: reach * 2, height: reach * 2 };
  picture.shade(lit, 0x9fd0dc, (x, y) => {
    const distance = length(x - center.x, y - center.y) / reach;
    return distance < 1 ? 0.3 * (1 - distance) ** 2 : 0;
  });
  drawSea(picture, center, radius);
  drawFrame(picture, center, radius);
  return picture;
}

function drawSea(picture: Framebuffer, center: Point, radius: number): void {
  const glass = (x: number, y: number) => coverage(length(x - center.x, y - center.y) - radius);
  const top = center.y - radius;
  const across = { x: center.x - radius - 1, width: radius * 2 + 2 };

  for (let y = top; y < center.y + radius; y++) {
    const t = (y - top) / (radius * 1.2);
    const sky =
      t < 0.55 ? mix(0x6fb3cf, 0xbfdfe0, t / 0.55) : mix(0xbfdfe0, 0xf9dcb4, (t - 0.55) / 0.45);
    picture.shade({ ...across, y, height: 1 }, t < 1 ? sky : 0xf9dcb4, glass);
  }
  const sun = { x: center.x + radius * 0.3, y: center.y + radius * 0.04 };
  picture.shade({ ...across, y: top, height: radius * 2 }, 0xfff3d6, (x, y) => {
    const distance = length(x - sun.x, y - sun.y) / (radius * 0.75);
    return distance < 1 ? 0.75 * (1 - distance) ** 2 * glass(x, y) : 0;
  });
  picture.fillCircle(sun, radius * 0.15, 0xfffaeb);

  for (const wave of WAVES) {
    const crest = (x: number) =>
      center.y +
      radius *
        (wave.level +
          wave.height * Math.sin((x - center.x) / (radius * wave.span * 0.3) + wave.shift));
    picture.shade({ ...across, y: center.y, height: radius + 2 }, wave.color, (x, y) => {
      return Math.min(1, Math.max(0, y - crest(x))) * glass(x, y);
    });
    // The sun's path on the water, broken by each wave's crest.
    picture.shade({ ...across, y: center.y, height: radius + 2 }, 0xfff0cf, (x, y) => {
      const below = y - crest(x);
      if (below < 0 || below > radius * 0.1) return 0;
      const spread = Math.abs(x - sun.x) / (radius * (0.1 + wave.level * 0.3));
      return spread < 1 ? 0.5 * (1 - spread) * (1 - below / (radius * 0.1)) * glass(x, y) : 0;
    });
  }
  drawBoat(picture, { x: center.x - radius * 0.34, y: center.y + radius * 0.2 }, radius * 0.17);

  // Depth: the frame's shadow on the glass, and a reflection.
  picture.shade({ ...across, y: top - 1, height: radius * 2 + 2 }, 0x04121f, (x, y) => {
    const inside = radius - length(x - center.x, y - center.y - radius * 0.03);
    return 0.5 * (1 - smoothStep(-2, radius * 0.16, inside)) * glass(x, y);
  });
  picture.shade({ ...across, y: top, height: radius }, 0xffffff, (x, y) => {
    const distance = length(x - center.x, y - center.y) / radius;
    const angle = Math.atan2(y - center.y, x - center.x);
    const arc =
      smoothStep(0.5, 0, Math.abs(angle + 2.25)) * smoothStep(0.045, 0, Math.abs(distance - 0.86));
    return 0.45 * arc;
  });
}

function drawBoat(picture: Framebuffer, at: Point, size: number): void {
  const slope = (x: number, y: number, side: number) => {
    const height = (at.y - y) / (size * 1.5);
    if (height < 0.14 || height > 1) return 0;
    const along = (x - at.x) * side;
    return (
      Math.min(1, Math.max(0, along - 1.5)) *
      Math.min(1, Math.max(0, (1 - height) * size * 0.72 - along))
    );
  };
  const sails = { x: Math.round(at.x - size), y: Math.round(at.y - size * 1.6) };
  const box = { ...sails, width: Math.round(size * 2), height: Math.round(size * 1.6) };
  picture.shade(box, 0xffffff, (x, y) => slope(x, y, 1));
  picture.shade(box, 0xe8614a, (x, y) => slope(x, y, -1) * (y > at.y - size * 1.2 ? 1 : 0));
  picture.strokePath(
    [
      { x: at.x, y: at.y },
      { x: at.x, y: at.y - size * 1.5 },
    ],
    0.8,
    0x4a3a2c,
  );
  picture.shade(
    { ...box, y: Math.round(at.y - 1), height: Math.round(size * 0.4) },
    0x7a3b2e,
    (x, y) => {
      const down = (y - at.y) / (size * 0.34);
      if (down < 0 || down > 1) return 0;
      return Math.min(1, Math.max(0, size * (0.8 - 0.28 * down) - Math.abs(x - at.x)));
    },
  );
}

function drawFrame(picture: Framebuffer, center: Point, radius: number): void {
  const width = radius * 0.2;
  const middle = radius + width / 2;
  const reach = Math.ceil(radius + width * 2);
  const box = { x: center.x - reach, y: center.y - reach, width: reach * 2, height: reach * 2 };

  picture.shade(box, 0x020a12, (x, y) => {
    const outside = length(x - center.x, y - center.y - width * 0.25) - radius - width;
    return outside < -width / 2 ? 0 : 0.5 * (1 - smoothStep(-width * 0.1, width * 0.7, outside));
  });
  picture.strokeCircle(center, middle, width, BRASS);
  // A rounded profile: lit from the upper left, dark where it turns away.
  const lit = (x: number, y: number) => {
    const distance = length(x - center.x, y - center.y) || 1;
    const across = ((distance - middle) / (width / 2)) * 0.9;
    if (Math.abs(across) >= 1) return 0;
    const facing = (-(x - center.x) * 0.6 - (y - center.y) * 0.8) / distance;
    const light = across * facing * 0.75 + 0.35 * Math.sqrt(1 - across * across) - 0.2;
    return light * coverage(Math.abs(distance - middle) - width / 2);
  };
  picture.shade(box, BRASS_LIGHT, (x, y) => Math.min(0.8, Math.max(0, lit(x, y))));
  picture.shade(box, BRASS_DARK, (x, y) => Math.min(0.8, Math.max(0, -lit(x, y))));
  picture.strokeCircle(center, radius, 1.5, 0x3b2d18, 0.8);
  picture.strokeCircle(center, radius + width, 1.2, 0x3b2d18, 0.6);

  for (let i = 0; i < RIVETS; i++) {
    const angle = ((i + 0.5) / RIVETS) * 2 * Math.PI;
    const at = { x: center.x + middle * Math.cos(angle), y: center.y + middle * Math.sin(angle) };
    const size = width * 0.2;
    picture.fillCircle({ x: at.x + 1, y: at.y + 1.5 }, size + 0.6, 0x2a1f10, 0.5);
    picture.fillCircle(at, size, 0xa9874e);
    picture.fillCircle(
      { x: at.x - size * 0.25, y: at.y - size * 0.3 },
      size * 0.5,
      BRASS_LIGHT,
      0.8,
    );
  }
}
