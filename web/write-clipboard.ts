/** @returns whether the browser allowed it: many do so only in answer to a click */
export async function writeClipboard(text: string): Promise<boolean> {
  // Only secure contexts have a clipboard; plain http on another machine is none.
  if (!navigator.clipboard) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
