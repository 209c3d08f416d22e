/** What browsers call themselves, those first that also name another. */
const BROWSERS: readonly [token: RegExp, name: string][] = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bFirefox\//, "Firefox"],
  [/\b(Headless)?Chrome\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];

const SYSTEMS: readonly [token: RegExp, name: string][] = [
  [/\bAndroid\b/, "Android"],
  [/\b(iPhone|iPad)\b/, "iOS"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

/**
 * What a person calls the browser of a `User-Agent` header.
 * @returns null if it is none that is known
 */
export function browserName(userAgent: string): string | null {
  const browser = BROWSERS.find(([token]) => token.test(userAgent))?.[1];
  const system = SYSTEMS.find(([token]) => token.test(userAgent))?.[1];
  if (!browser) return null;
  return system ? `${browser} on ${system}` : browser;
}
