/**
 * Reads what somebody else sends as text, up to a limit and until a moment: of what is larger, lies
 * about its length or takes too long nothing more is read.
 * @param stream null for what has no body, which is the empty text
 * @returns null if it is larger than `maxBytes`
 * @throws the signal's reason, once it is aborted
 */
export async function readBounded(
  stream: ReadableStream | null,
  maxBytes: number,
  signal: AbortSignal,
): Promise<string | null> {
  signal.throwIfAborted();
  if (!stream) return "";
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  const reader = (stream as ReadableStream<Uint8Array>).getReader();
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), aborted]);
      if (done) return text + decoder.decode();
      bytes += value.byteLength;
      if (bytes > maxBytes) return null;
      text += decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel();
  }
}
