import { useRef, useState } from "preact/hooks";
import type { SignIn } from "../../protocol/api.ts";
import { endSignIn } from "../access-api.ts";
import { ConfirmDialog, unlessForgotten } from "../confirm-dialog.tsx";
import { absolute, absoluteMinute, elapsed } from "../time.ts";
import { browserName } from "./browser-name.ts";
import { MakeSignInLink } from "./make-sign-in-link.tsx";
import { MakeButton, Row, Rows, Section } from "./section.tsx";

type SignInsProps = { signIns: readonly SignIn[]; now: number; onChanged(): void };

/** The browsers that are signed in. */
export function SignIns({ signIns, now, onChanged }: SignInsProps) {
  const title = useRef<HTMLHeadingElement>(null);
  const [making, setMaking] = useState(false);
  const [ending, setEnding] = useState<SignIn | null>(null);
  return (
    <Section
      id="sign-ins"
      title="Signed in"
      about="Browsers that came with the admin token, or by a link that you made."
      titleRef={title}
      action={
        <MakeButton
          word="Make a sign-in link"
          testId="make-a-sign-in-link"
          onClick={() => setMaking(true)}
        />
      }
    >
      <Rows none="No browser is signed in by itself.">
        {signIns.map((signIn) => (
          <Row
            key={signIn.login_id}
            name={
              <>
                {nameOf(signIn)}
                {signIn.current && <span class="access-mark">this browser</span>}
              </>
            }
            facts={
              <>
                {signIn.role}
                {signIn.address !== null && ` · from ${signIn.address}`} ·{" "}
                <span
                  title={`Since ${absolute(signIn.created_at)}; ${signIn.user_agent ?? "unnamed"}`}
                >
                  for {elapsed(signIn.created_at, now)}
                </span>{" "}
                · until {absoluteMinute(signIn.expires_at)}
              </>
            }
            takeBack={{
              word: "Sign out",
              label: `Sign out ${nameOf(signIn)}${signIn.address === null ? "" : `, ${signIn.address}`}`,
              onClick: () => setEnding(signIn),
            }}
          />
        ))}
      </Rows>
      {making && <MakeSignInLink onClose={() => setMaking(false)} />}
      {ending && (
        <ConfirmDialog
          title={ending.current ? "Sign this browser out?" : "Sign that browser out?"}
          words={{ keep: "Keep it", todo: "Sign out", doing: "Signing out…" }}
          act={() => unlessForgotten(endSignIn(ending.login_id))}
          onDone={() => {
            title.current?.focus();
            onChanged();
          }}
          onClose={() => setEnding(null)}
          testId="sign-out-dialog"
          confirmTestId="confirm-sign-out"
        >
          <p>
            {ending.current
              ? "You need the admin token, or another sign-in link, to come back."
              : "The desktops and chats that it has open are closed."}
          </p>
        </ConfirmDialog>
      )}
    </Section>
  );
}

function nameOf({ user_agent }: SignIn): string {
  return browserName(user_agent ?? "") ?? "A browser";
}
