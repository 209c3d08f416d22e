import type { Color } from "./framebuffer.ts";

/** The desktop's few colours, so that its parts look like one thing. */
export const THEME = {
  ink: 0x20323f,
  muted: 0x8494a0,
  line: 0xd6dee4,
  paper: 0xfdfcf8,
  bar: 0xf1f4f6,
  accent: 0xd9573f,
  brass: 0xc8a568,
  night: 0x071724,
  onDark: 0xe8f1f5,
  onDarkMuted: 0x9db4c2,
  ready: 0x5fc98b,
} as const satisfies Record<string, Color>;
