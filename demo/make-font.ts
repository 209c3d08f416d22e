/**
 * Makes demo/font-atlas.ts from the DejaVu fonts of this machine. Run by hand when a face is
 * added or a size changes: `node demo/make-font.ts [path of a Chromium]`.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { deflateRawSync } from "node:zlib";
import { chromium } from "playwright-core";

const FONT_DIRECTORY = "/usr/share/fonts/truetype/dejavu";
const LICENCE_FILE = "/usr/share/doc/fonts-dejavu-core/copyright";

const ASCII = range(0x20, 0x7e);
const LATIN_1 = [...ASCII, ...range(0xa0, 0xff)];
const FACES = [
  { name: "ui", family: "DejaVuSans", pixels: 13, codes: LATIN_1 },
  { name: "bold", family: "DejaVuSans-Bold", pixels: 13, codes: ASCII },
  { name: "note", family: "DejaVuSans", pixels: 15, codes: LATIN_1 },
  {
    name: "large",
    family: "DejaVuSans-ExtraLight",
    pixels: 44,
    codes: codesOf("0123456789: Porthle"),
  },
];

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function codesOf(text: string): number[] {
  return [...new Set(Array.from(text, (c) => c.charCodeAt(0)))].sort((a, b) => a - b);
}

/** In the page: each glyph's advance, its place from the pen on the baseline, and its alpha. */
async function renderFace(face: { family: string; pixels: number; codes: number[]; font: string }) {
  const font = new FontFace(face.family, `url(data:font/ttf;base64,${face.font})`);
  document.fonts.add(await font.load());
  const side = face.pixels * 3;
  const origin = face.pixels;
  const baseline = face.pixels * 2;
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("this browser has no 2D canvas");
  context.font = `${face.pixels}px ${face.family}`;
  return face.codes.map((code) => {
    const text = String.fromCharCode(code);
    context.clearRect(0, 0, side, side);
    context.fillText(text, origin, baseline);
    const { data } = context.getImageData(0, 0, side, side);
    let [left, top, right, bottom] = [side, side, 0, 0];
    for (let y = 0; y < side; y++) {
      for (let x = 0; x < side; x++) {
        if ((data[(y * side + x) * 4 + 3] ?? 0) < 8) continue;
        left = Math.min(left, x);
        right = Math.max(right, x + 1);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y + 1);
      }
    }
    const [width, height] = [Math.max(0, right - left), Math.max(0, bottom - top)];
    const alpha: number[] = [];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        alpha.push(data[((top + y) * side + left + x) * 4 + 3] ?? 0);
      }
    }
    const advance = Math.round(context.measureText(text).width);
    const place = width === 0 ? [0, 0] : [left - origin, top - baseline];
    return { code, advance, left: place[0] ?? 0, top: place[1] ?? 0, width, height, alpha };
  });
}

const browser = await chromium.launch({
  executablePath: process.argv[2] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();
const lines: string[] = [];
for (const { name, family, pixels, codes } of FACES) {
  const font = readFileSync(`${FONT_DIRECTORY}/${family}.ttf`).toString("base64");
  const glyphs = await page.evaluate(renderFace, { family, pixels, codes, font });
  const bytes = glyphs.flatMap(({ code, advance, left, top, width, height, alpha }) => [
    ...[code, advance, left + 128, top + 128, width, height],
    // Sixteen levels are enough for the eye and halve the file.
    ...alpha.map((a) => Math.round(a / 17) * 17),
  ]);
  const data = deflateRawSync(Uint8Array.from(bytes), { level: 9 }).toString("base64");
  lines.push(`  // ${family}, ${pixels} px\n  ${name}:\n    "${data}",`);
}
await browser.close();

const licence = readFileSync(LICENCE_FILE, "utf8");
const notice = licence
  .slice(licence.indexOf("Copyright: "), licence.indexOf("Files: debian"))
  .trim()
  .split("\n")
  .map((line) => ` * ${line.replace(/^ \.?/, "").trim()}`.trimEnd());

writeFileSync(
  new URL("font-atlas.ts", import.meta.url),
  `/**
 * Glyphs of the DejaVu fonts 2.37, drawn once by Chromium's canvas with demo/make-font.ts; do not
 * edit. Each face is base64 of a raw deflate of its glyphs one after the other: code, advance,
 * left + 128, top + 128, width and height (a byte each; pixels, left and top from the pen on the
 * baseline), then width * height bytes of alpha, row by row. Read by demo/font.ts.
 *
 * The fonts' licence (Debian's fonts-dejavu-core), which covers these pictures of their glyphs:
 *
${notice.join("\n")}
 */
export const FONT_ATLAS = {
${lines.join("\n")}
} as const;
`,
);
