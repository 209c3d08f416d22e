import type { TargetedKeyboardEvent, TargetedSubmitEvent } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { CloseIcon } from "../icons.tsx";
import { tooLongSentence } from "./clipboard-limit.ts";
import type { RemoteClipboard } from "./use-clipboard.ts";

type ClipboardPanelProps = {
  clipboard: RemoteClipboard;
  connected: boolean;
  /** Why nothing sent would arrive; null if it would. */
  watching: string | null;
  /** Whether what the desktop copies may be read here. */
  fromDesktop: boolean;
  onSend(text: string): void;
  onClose(): void;
};

/** Texts to the desktop's clipboard, and from it where the session lets them pass. */
export function ClipboardPanel(props: ClipboardPanelProps) {
  const { clipboard, connected, watching, fromDesktop, onSend, onClose } = props;
  const [text, setText] = useState("");
  const [sent, setSent] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    if (clipboard.unseen) clipboard.markSeen();
  }, [clipboard.unseen]);

  const problem = watching ?? tooLongSentence(text);
  const maySend = connected && text !== "" && problem === null;
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (!maySend) return;
    onSend(text);
    setSent(true);
  };
  const closeOnEscape = (event: TargetedKeyboardEvent<HTMLElement>) => {
    if (event.key === "Escape") onClose();
  };

  return (
    <section
      class="panel"
      role="dialog"
      aria-label="Clipboard"
      onKeyDown={closeOnEscape}
      data-testid="clipboard-panel"
    >
      <form onSubmit={submit}>
        <div class="panel-head">
          <label for="to-desktop">Send text to the desktop</label>
          <button type="button" class="tool" aria-label="Close the clipboard" onClick={onClose}>
            <CloseIcon />
          </button>
        </div>
        <textarea
          id="to-desktop"
          ref={field}
          rows={4}
          spellcheck={false}
          value={text}
          onInput={(event) => {
            setText(event.currentTarget.value);
            setSent(false);
          }}
          aria-invalid={problem !== null && watching === null}
          aria-describedby="clipboard-problem"
          data-testid="clipboard-text"
        />
        <p
          id="clipboard-problem"
          class={watching === null ? "error" : "hint"}
          role="status"
          data-testid="clipboard-problem"
        >
          {problem}
        </p>
        <div class="panel-foot">
          <span class="hint" role="status">
            {sent ? "It is on the desktop's clipboard: paste it there." : ""}
          </span>
          <button
            type="submit"
            class="button primary"
            disabled={!maySend}
            data-testid="clipboard-send"
          >
            Send
          </button>
        </div>
      </form>
      {fromDesktop && (
        <>
          <label for="from-desktop">Copied on the desktop</label>
          <textarea
            id="from-desktop"
            rows={4}
            readOnly
            placeholder="Nothing yet"
            value={clipboard.text ?? ""}
            data-testid="clipboard-remote"
          />
          <div class="panel-foot">
            <span class="hint" role="status">
              {clipboard.here ? "It is on this device's clipboard too." : ""}
            </span>
            <button
              type="button"
              class="button"
              disabled={clipboard.text === null}
              onClick={clipboard.copyHere}
            >
              Copy
            </button>
          </div>
        </>
      )}
    </section>
  );
}
