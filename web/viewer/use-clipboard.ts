import { useEffect, useState } from "preact/hooks";
import { writeClipboard } from "../write-clipboard.ts";

export type RemoteClipboard = {
  /** What was last copied over there. */
  text: string | null;
  /** Whether it is on this device's clipboard as well. */
  here: boolean;
  /** It could not be put there, and nobody has looked at it yet. */
  unseen: boolean;
  markSeen(): void;
  copyHere(): Promise<void>;
};

/** Puts what is copied on the desktop on this device's clipboard, where the browser allows it. */
export function useClipboard(copied: { text: string } | null): RemoteClipboard {
  const [here, setHere] = useState(false);
  const [unseen, setUnseen] = useState(false);

  const put = async (text: string) => {
    const done = await writeClipboard(text);
    setHere(done);
    return done;
  };

  useEffect(() => {
    if (!copied) return;
    setHere(false);
    void put(copied.text).then((done) => setUnseen(!done));
  }, [copied]);

  return {
    text: copied?.text ?? null,
    here,
    unseen,
    markSeen: () => setUnseen(false),
    copyHere: async () => {
      if (copied) await put(copied.text);
    },
  };
}
