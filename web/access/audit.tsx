import type { AuditEntry } from "../../protocol/api.ts";
import type { Access } from "../access-api.ts";
import { absolute, absoluteMinute } from "../time.ts";
import { Section } from "./section.tsx";

type AuditProps = {
  lines: readonly AuditEntry[];
  /** Whose names are said instead of their ids. */
  access: Access;
  hasMore: boolean;
  isReading: boolean;
  onMore(): void;
};

/** Who did what to what, from where and when. */
export function Audit({ lines, access, hasMore, isReading, onMore }: AuditProps) {
  return (
    <Section id="audit" title="Audit" about="Who did what to what, the newest first.">
      {lines.length === 0 ? (
        <p class="hint access-none">Nothing was done yet.</p>
      ) : (
        <ol class="access-list audit">
          {lines.map((line) => (
            <li key={line.audit_id} class="audit-line" data-testid="audit-line">
              <time dateTime={line.at} title={absolute(line.at)}>
                {absoluteMinute(line.at)}
              </time>
              <span class="audit-what">
                <code>{line.action}</code>
                {line.target !== null && <span class="audit-target">{line.target}</span>}
                {line.detail !== null && <span class="audit-detail">{line.detail}</span>}
              </span>
              <span class="audit-who">
                {actorName(line.actor, access)}
                {line.address !== null && <span class="audit-address">{line.address}</span>}
              </span>
            </li>
          ))}
        </ol>
      )}
      {hasMore && (
        <button
          type="button"
          class="button more"
          aria-disabled={isReading}
          onClick={onMore}
          data-testid="more-audit"
        >
          {isReading ? "Reading…" : "Show more"}
        </button>
      )}
    </Section>
  );
}

function actorName(actor: string, { keys, signIns }: Access): string {
  const key = keys.find(({ key_id }) => actor === `key:${key_id}`);
  if (key) return `key “${key.name}”`;
  const signIn = signIns.find(({ login_id }) => actor === `login:${login_id}`);
  return signIn?.current ? "this browser" : actor;
}
