import { useRef, useState } from "preact/hooks";
import type { JoinTokenInfo } from "../../protocol/api.ts";
import { revokeJoinToken } from "../access-api.ts";
import { unlessForgotten } from "../confirm-dialog.tsx";
import { explainOrSignIn } from "../sign-in-again.ts";
import { absolute, elapsed, timeOfDay } from "../time.ts";
import { Row, Rows, Section } from "./section.tsx";

type JoinTokensProps = { joinTokens: readonly JoinTokenInfo[]; now: number; onChanged(): void };

/** What a machine can still join with. */
export function JoinTokens({ joinTokens, now, onChanged }: JoinTokensProps) {
  const title = useRef<HTMLHeadingElement>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const revoke = async ({ token_id }: JoinTokenInfo) => {
    try {
      // A new one is made in a moment: nobody is asked twice.
      await unlessForgotten(revokeJoinToken(token_id));
    } catch (error) {
      return setProblem(explainOrSignIn(error));
    }
    setProblem(null);
    title.current?.focus();
    onChanged();
  };
  return (
    <Section
      id="join-tokens"
      title="Join tokens"
      about="Each lets one machine become a host, once. “Add a host” makes them."
      titleRef={title}
    >
      <p class="error" role="alert">
        {problem}
      </p>
      <Rows none="None can be used now.">
        {joinTokens.map((token) => (
          <Row
            key={token.token_id}
            name={token.name ?? "For any host"}
            facts={
              <>
                <span title={absolute(token.created_at)}>
                  made {elapsed(token.created_at, now)} ago
                </span>{" "}
                · until {timeOfDay(token.expires_at)}
              </>
            }
            takeBack={{
              word: "Revoke",
              label: `Revoke the join token ${token.name ?? ""} made ${elapsed(token.created_at, now)} ago`,
              onClick: () => void revoke(token),
            }}
          />
        ))}
      </Rows>
    </Section>
  );
}
