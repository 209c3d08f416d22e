import { useEffect, useRef, useState } from "preact/hooks";
import { writeClipboard } from "./write-clipboard.ts";

type CopyBoxProps = {
  /** null while it is not there yet. */
  text: string | null;
  /** Puts the keyboard on its button as soon as it is there. */
  autoFocus?: boolean;
  testId: string;
  buttonTestId: string;
};

/** Text to take elsewhere, and a button that copies it. */
export function CopyBox({ text, autoFocus = false, testId, buttonTestId }: CopyBoxProps) {
  const [copied, setCopied] = useState<boolean | null>(null);
  const code = useRef<HTMLElement>(null);
  const button = useRef<HTMLButtonElement>(null);
  useEffect(() => {
    if (autoFocus) button.current?.focus();
  }, [autoFocus]);
  const copy = async () => {
    if (text === null) return;
    const done = await writeClipboard(text);
    setCopied(done);
    // Where the browser forbids it, the next best thing is one key press away.
    if (!done && code.current) getSelection()?.selectAllChildren(code.current);
  };
  return (
    <div class="copy-box">
      <pre>
        <code ref={code} data-testid={testId}>
          {text ?? " "}
        </code>
      </pre>
      <div class="copy-box-foot">
        <span class="hint" role="status">
          {copied === false ? "Select it and copy it with your keyboard." : ""}
        </span>
        <button
          ref={button}
          type="button"
          class="button primary"
          disabled={text === null}
          onClick={copy}
          data-testid={buttonTestId}
        >
          {copied ? "Copied" : "Copy"}
        </button>
      </div>
    </div>
  );
}
