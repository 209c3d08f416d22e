import type { TargetedSubmitEvent } from "preact";
import { useEffect, useId, useRef, useState } from "preact/hooks";
import type { Host } from "../../protocol/api.ts";
import { DEFAULT_PROFILE } from "../../protocol/limits.ts";
import { listHosts } from "../api.ts";
import { Dialog } from "../dialog.tsx";
import { applyBatch, applyJob, type JobWishes } from "../jobs-api.ts";
import { navigate } from "../navigate.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
import { offersOf } from "./offers.ts";
import { readUrls } from "./read-urls.ts";
import "./run-job.css";

const ANY_HOST = "";

type RunJobProps = {
  /** Those that are known; all are read if there are more. */
  hosts: readonly Host[];
  hasMoreHosts: boolean;
  onClose(): void;
};

/** Gives URLs desktops of their own: one is opened at once, of several their batch. */
export function RunJob({ hosts: known, hasMoreHosts, onClose }: RunJobProps) {
  const hosts = useAllHosts(known, hasMoreHosts);
  const [profile, setProfile] = useState(DEFAULT_PROFILE);
  const [hostId, setHostId] = useState(ANY_HOST);
  const [count, setCount] = useState(0);
  const [busy, setBusy] = useState(false);
  const [problems, setProblems] = useState<readonly string[]>([]);
  const text = useRef<HTMLTextAreaElement>(null);
  const [textId, hintId, profileId, hostFieldId] = [useId(), useId(), useId(), useId()];
  const { profiles, offering, hint } = offersOf(hosts, profile);
  // Another profile may be none of the host's that was chosen before.
  const chosen = offering.some(({ host_id }) => host_id === hostId) ? hostId : ANY_HOST;
  useEffect(() => text.current?.focus(), []);

  const key = useRef<{ wish: string; key: string }>(null);
  /** The same for the same wish: if the answer to it is lost, it is not done twice. */
  const keyFor = (wish: string): string => {
    if (key.current?.wish !== wish) key.current = { wish, key: newKey() };
    return key.current.key;
  };

  const run = async (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault();
    if (busy) return;
    const written = readUrls(text.current?.value ?? "");
    setProblems(written.problems);
    if (written.problems.length > 0) return text.current?.focus();
    setBusy(true);
    try {
      const wishes = { profile, ...(chosen !== ANY_HOST && { host_id: chosen }) };
      navigate(await start(written.urls, wishes, keyFor));
    } catch (error) {
      const sentence = explainOrSignIn(error);
      setProblems(sentence === null ? [] : [sentence]);
      setBusy(false);
    }
  };

  return (
    <Dialog title="Run a job" onClose={onClose} testId="run-dialog">
      <form class="run-form" onSubmit={run} aria-busy={busy} noValidate>
        <div>
          <label for={textId}>What it shows</label>
          <textarea
            id={textId}
            ref={text}
            rows={4}
            spellcheck={false}
            autocapitalize="off"
            placeholder="https://example.com/"
            aria-describedby={hintId}
            aria-invalid={problems.length > 0}
            onInput={(event) => setCount(linesIn(event.currentTarget.value))}
            data-testid="job-urls"
          />
          <p class="hint" id={hintId}>
            A URL on each line. Every one gets a desktop of its own.
          </p>
        </div>
        <div class="run-choices">
          <div>
            <label for={profileId}>Runs as</label>
            <select
              id={profileId}
              value={profile}
              onChange={(event) => setProfile(event.currentTarget.value)}
              data-testid="job-profile"
            >
              {profiles.map((name) => (
                <option key={name} value={name}>
                  {name}
                </option>
              ))}
            </select>
          </div>
          <div>
            <label for={hostFieldId}>On</label>
            <select
              id={hostFieldId}
              value={chosen}
              onChange={(event) => setHostId(event.currentTarget.value)}
              data-testid="job-host"
            >
              <option value={ANY_HOST}>any host with room</option>
              {offering.map(({ host_id, name, online }) => (
                <option key={host_id} value={host_id}>
                  {online ? name : `${name} (offline)`}
                </option>
              ))}
            </select>
          </div>
        </div>
        {hint !== null && (
          <p class="run-hint" role="status" data-testid="job-hint">
            {hint}
          </p>
        )}
        <div role="alert" data-testid="job-problems">
          {problems.map((problem) => (
            <p key={problem} class="error">
              {problem}
            </p>
          ))}
        </div>
        <div class="actions">
          <button type="submit" class="button primary" aria-disabled={busy} data-testid="run-job">
            {busy ? "Starting…" : count > 1 ? `Run ${count} jobs` : "Run it"}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function useAllHosts(known: readonly Host[], hasMore: boolean): readonly Host[] {
  const [all, setAll] = useState<readonly Host[] | null>(null);
  useEffect(() => {
    if (!hasMore) return;
    const gone = new AbortController();
    // Without an answer those that are known can be chosen, and any host will do.
    listHosts(gone.signal).then(setAll, () => {});
    return () => gone.abort();
  }, [hasMore]);
  return all ?? known;
}

/** @returns the page that shows it */
async function start(
  urls: readonly string[],
  wishes: JobWishes,
  keyFor: (wish: string) => string,
): Promise<string> {
  const key = keyFor(JSON.stringify([urls, wishes]));
  const [only, ...others] = urls;
  if (only !== undefined && others.length === 0) {
    return `/view/${(await applyJob(only, wishes, key)).session_id}`;
  }
  return `/batch/${(await applyBatch(urls, wishes, key)).batch_id}`;
}

/** 128 random bits. `crypto.randomUUID` is not there on plain http beside loopback. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

function linesIn(text: string): number {
  return text.split("\n").filter((line) => line.trim() !== "").length;
}
