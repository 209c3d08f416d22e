import { useEffect, useRef, useState } from "preact/hooks";
import type { SeenSession } from "../../protocol/api.ts";
import { signInPath } from "../next-path.ts";
import { Link } from "../router.tsx";
import { CredentialsForm } from "./credentials-form.tsx";
import { isUrl, JobLogButton, PreparingText } from "./job-cards.tsx";
import { OpenAgain } from "./open-again.tsx";
import { actionForGuest, type EndAction } from "./reasons.ts";
import type { Standing } from "./standing.ts";
import type { Credentials, ViewerState } from "./states.ts";
import { serverOf, wayBack } from "./way-back.ts";

type OverlayProps = {
  state: ViewerState;
  sessionId: string;
  title: string;
  /** As it was when it was asked for last; null while it is not known. */
  session: SeenSession | null;
  /** Whoever came by a share link, a guest, has no overview and no sign-in. */
  standing: Standing;
  /** Whether there was a picture before: then it was lost, and not just slow to come. */
  hadPicture: boolean;
  onDial(): void;
  onCredentials(credentials: Credentials): void;
  onApprove(): void;
};

/** As long as the overlay takes to fade in viewer.css. */
const FADE_MS = 350;

/** What stands over the desktop whenever there is no picture: why, and what happens next. */
export function Overlay(props: OverlayProps) {
  const connected = props.state.kind === "connected";
  // While it fades it still shows what it said.
  const last = useRef(props);
  if (!connected) last.current = props;
  const [gone, setGone] = useState(false);
  useEffect(() => {
    setGone(false);
    if (!connected) return;
    const timer = setTimeout(() => setGone(true), FADE_MS);
    return () => clearTimeout(timer);
  }, [connected]);

  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // noVNC took its canvas, and the keyboard with it: without this, Tab would start at the top.
    const nobodyHasIt = document.activeElement === null || document.activeElement === document.body;
    if (!connected && nobodyHasIt) card.current?.focus({ preventScroll: true });
  }, [props.state.kind]);

  if (connected && gone) return null;
  return (
    <div class={`overlay ${connected ? "leaving" : ""}`} inert={connected}>
      <div class="card" ref={card} tabIndex={-1}>
        <Card {...last.current} />
      </div>
    </div>
  );
}

function Card(props: OverlayProps) {
  const { state } = props;
  const isGuest = props.standing === "guest";
  switch (state.kind) {
    case "connected":
      return null;
    case "connecting":
      return (
        <>
          <Sea />
          <h2>Connecting…</h2>
          <p class="hint">{props.title}</p>
        </>
      );
    case "preparing":
      return (
        <>
          <Sea />
          <PreparingText status={state.status} reason={state.reason} />
          <p class="hint card-what">{props.title}</p>
          {!isGuest && (
            <div class="actions">
              <Back session={props.session} />
            </div>
          )}
        </>
      );
    case "waiting":
    case "reconnecting":
      return (
        <>
          <Sea />
          <h2>{props.hadPicture ? "Reconnecting" : "Not connected yet"}</h2>
          <p data-testid="reason">{state.reason}</p>
          <p class="hint" data-testid="next">
            {state.kind === "waiting" ? <Countdown until={state.retryAt} /> : "Trying again…"}
            {state.kind === "waiting" && state.keeps && ", with the password that you typed"}
          </p>
          <div class="actions">
            {/* Not disabled while it dials: a disabled button would drop the keyboard's place. */}
            <button
              type="button"
              class="button primary"
              aria-disabled={state.kind === "reconnecting"}
              onClick={() => state.kind === "waiting" && props.onDial()}
              data-testid="retry"
            >
              Try now
            </button>
            {!isGuest && <Back session={props.session} />}
          </div>
        </>
      );
    case "credentials":
      return (
        <CredentialsForm
          fields={state.fields}
          refusal={state.refusal}
          title={props.title}
          onSubmit={props.onCredentials}
        />
      );
    case "verifying":
      return (
        <>
          <h2>Is this the right desktop?</h2>
          <p>It shows this key. Compare it with the one that its VNC server reports.</p>
          <p>
            <code class="fingerprint">{state.fingerprint}</code>
          </p>
          <div class="actions">
            <button type="button" class="button primary" onClick={props.onApprove}>
              Yes, continue
            </button>
            {!isGuest && (
              <Link to="/" class="button">
                No, back
              </Link>
            )}
          </div>
          {isGuest && <p class="hint">If it is not, close this page.</p>}
        </>
      );
    case "ended":
      return <Ended {...props} state={state} />;
  }
}

function Ended(props: OverlayProps & { state: Extract<ViewerState, { kind: "ended" }> }) {
  const { action, reason } = props.state;
  const { session, standing } = props;
  // Its link being over tells a guest, too: that is all a page hears that was opened too late.
  if (standing === "guest" || action === "new-link") return <EndedForGuest {...props} />;
  const isJob = session !== null && session.job_url !== null;
  const isOver = action === "open-again";
  const server = serverOf(session);
  const isRunnable = !isJob || (standing !== "person" && isUrl(session.job_url));
  return (
    <>
      <h2>{isOver && isJob ? jobTitle(session) : END_TITLES[action]}</h2>
      <p data-testid="reason">{reason}</p>
      {isJob && <p class="hint card-what">{session.job_url}</p>}
      {action === "sign-in" && (
        <p class="hint">If a share link brought you here, it is over: ask for a new one.</p>
      )}
      {isOver && server !== null && (
        <p class="hint" data-testid="next">
          The page of server {server} opens its console again.
        </p>
      )}
      <div class="actions" data-testid="actions">
        {action === "sign-in" && <SignInLink primary />}
        {isOver && server === null && isRunnable && (
          <OpenAgain sessionId={props.sessionId} isJob={isJob} />
        )}
        {action === "dial-again" && <DialAgain onDial={props.onDial} />}
        {isOver && isJob && standing === "operator" && session.host_id !== null && (
          <JobLogButton session={session} />
        )}
        <Back session={session} primary={action === "overview" || (isOver && server !== null)} />
      </div>
    </>
  );
}

function jobTitle({ status }: SeenSession): string {
  return status === "failed" ? "The job failed" : "The job is over";
}

function EndedForGuest(props: OverlayProps & { state: Extract<ViewerState, { kind: "ended" }> }) {
  const { action, reason } = props.state;
  const left = actionForGuest(action);
  return (
    <>
      <h2>{END_TITLES[left ?? action]}</h2>
      <p data-testid="reason">{reason}</p>
      {left !== "dial-again" && (
        <p class="hint" data-testid="next">
          Whoever shared this desktop with you can send you a new link.
        </p>
      )}
      {left !== null && (
        <div class="actions" data-testid="actions">
          {left === "dial-again" ? <DialAgain onDial={props.onDial} /> : <SignInLink />}
        </div>
      )}
    </>
  );
}

function Back({ session, primary }: { session: SeenSession | null; primary?: boolean }) {
  const { to, label } = wayBack(session);
  return (
    <Link to={to} class={`button ${primary ? "primary" : ""}`}>
      {label}
    </Link>
  );
}

function SignInLink({ primary = false }: { primary?: boolean }) {
  return (
    <Link
      to={signInPath(location.pathname)}
      class={`button ${primary ? "primary" : "quiet"}`}
      testId="sign-in"
    >
      {primary ? "Sign in" : "Sign in instead"}
    </Link>
  );
}

function DialAgain({ onDial }: { onDial(): void }) {
  return (
    <button type="button" class="button primary" onClick={onDial} data-testid="dial-again">
      Open it here
    </button>
  );
}

const END_TITLES: Record<EndAction, string> = {
  "sign-in": "Sign in to see this desktop",
  "new-link": "Your link is over",
  overview: "This desktop cannot be shown",
  "open-again": "The session is over",
  "dial-again": "Disconnected",
};

/** Counts down without talking: the status sentence has already said it. */
function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(Date.now());
  const left = Math.max(0, until - now);
  useEffect(() => {
    // To the next full second; a hidden tab has nobody to count for.
    if (left === 0 || document.hidden) return;
    const timer = setTimeout(() => setNow(Date.now()), left % 1000 || 1000);
    return () => clearTimeout(timer);
  }, [now, until]);
  return <span>Trying again in {Math.ceil(left / 1000)} s</span>;
}

function Sea() {
  return (
    <div class="sea" aria-hidden="true">
      <div class="sea-wave" />
    </div>
  );
}
