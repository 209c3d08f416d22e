import { useRef, useState } from "preact/hooks";
import type { ApiKey } from "../../protocol/api.ts";
import { revokeKey } from "../access-api.ts";
import { ConfirmDialog, unlessForgotten } from "../confirm-dialog.tsx";
import { absolute, elapsed } from "../time.ts";
import { MakeKey } from "./make-key.tsx";
import { MakeButton, Row, Rows, Section } from "./section.tsx";

type KeysProps = { keys: readonly ApiKey[]; now: number; onChanged(): void };

/** What software signs in with. */
export function Keys({ keys, now, onChanged }: KeysProps) {
  const title = useRef<HTMLHeadingElement>(null);
  const [making, setMaking] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey | null>(null);
  return (
    <Section
      id="keys"
      title="API keys"
      about="For software: a panel, a job runner, a script. Each has a role of its own."
      titleRef={title}
      action={<MakeButton word="Make a key" testId="make-a-key" onClick={() => setMaking(true)} />}
    >
      <Rows none="There is none yet.">
        {keys.map((key) => (
          <Row
            key={key.key_id}
            name={key.name}
            facts={
              <>
                {key.role} ·{" "}
                <span title={absolute(key.created_at)}>
                  made {elapsed(key.created_at, now)} ago
                </span>{" "}
                ·{" "}
                {key.last_used_at === null ? (
                  "never used"
                ) : (
                  <span title={absolute(key.last_used_at)}>
                    used {elapsed(key.last_used_at, now)} ago
                  </span>
                )}
              </>
            }
            takeBack={{
              word: "Revoke",
              label: `Revoke ${key.name}`,
              onClick: () => setRevoking(key),
            }}
          />
        ))}
      </Rows>
      {making && <MakeKey onMade={onChanged} onClose={() => setMaking(false)} />}
      {revoking && (
        <ConfirmDialog
          title={`Revoke ${revoking.name}?`}
          words={{ keep: "Keep it", todo: "Revoke", doing: "Revoking…" }}
          act={() => unlessForgotten(revokeKey(revoking.key_id))}
          onDone={() => {
            title.current?.focus();
            onChanged();
          }}
          onClose={() => setRevoking(null)}
          testId="revoke-dialog"
          confirmTestId="confirm-revoke"
        >
          <p>What uses it is refused from now on, and what it has open is closed.</p>
        </ConfirmDialog>
      )}
    </Section>
  );
}
