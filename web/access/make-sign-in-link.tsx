import { useEffect, useState } from "preact/hooks";
import { createSignInLink } from "../access-api.ts";
import { CopyBox } from "../copy-box.tsx";
import { Dialog } from "../dialog.tsx";
import { explainOrSignIn } from "../sign-in-again.ts";
import { absoluteMinute } from "../time.ts";

/** A link that signs one other browser in. */
export function MakeSignInLink({ onClose }: { onClose(): void }) {
  const [link, setLink] = useState<{ url: string; expires_at: string } | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  useEffect(() => {
    createSignInLink().then(setLink, (error) => setProblem(explainOrSignIn(error)));
  }, []);
  return (
    <Dialog title="A sign-in link" onClose={onClose} testId="sign-in-link-dialog">
      <p>
        It signs one browser in as an admin, once
        {link === null ? "." : `, until ${absoluteMinute(link.expires_at)}.`} Give it to nobody
        else.
      </p>
      <p class="error" role="alert">
        {problem}
      </p>
      {problem === null && (
        <CopyBox
          key={link?.url}
          text={link?.url ?? null}
          autoFocus={link !== null}
          testId="sign-in-link"
          buttonTestId="copy-sign-in-link"
        />
      )}
    </Dialog>
  );
}
