import { useRef, useState } from "preact/hooks";
import type { Host, ServerLookUp, Session } from "../../protocol/api.ts";
import type { ApiError } from "../api.ts";
import { navigate } from "../navigate.ts";
import { Link } from "../router.tsx";
import { enableVnc } from "../servers-api.ts";
import { explainOrSignIn } from "../sign-in-again.ts";
import { STATUS_DOTS, STATUS_WORDS } from "../statuses.ts";
import { absoluteMinute } from "../time.ts";
import { DisableVnc } from "./disable-vnc.tsx";
import { FailureText } from "./failure-text.tsx";
import { type Failure, failureOf } from "./failures.ts";

type ConsoleCardProps = {
  found: ServerLookUp;
  /** The hypervisor, if it is one of the hosts here. */
  host: Host | null;
  operates: boolean;
  onChanged(): void;
};

/** A server's console: how it is, and the one click that opens it. */
export function ConsoleCard({ found, host, operates, onChanged }: ConsoleCardProps) {
  const [opening, setOpening] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const [disabling, setDisabling] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const { server_id, session, enabled } = found;

  const open = async () => {
    if (opening) return;
    setOpening(true);
    setFailure(null);
    try {
      const { session_id } = await enableVnc(server_id);
      navigate(`/view/${session_id}`);
    } catch (error) {
      if (explainOrSignIn(error) === null) return;
      setFailure(failureOf(error as ApiError));
      setOpening(false);
      onChanged();
    }
  };

  return (
    <section class="console" aria-labelledby="server-title">
      <h1 id="server-title">Server {server_id}</h1>
      <dl class="console-facts">
        <dt>Console</dt>
        <dd data-testid="console-state">
          {session === null ? (
            <>
              <span class="dot ended" aria-hidden="true" /> Not open
              {enabled && ", though the panel says that somebody is connected"}
            </>
          ) : (
            <>
              <span class={`dot ${STATUS_DOTS[session.status]}`} aria-hidden="true" />{" "}
              {STATUS_WORDS[session.status]}
              {session.viewers > 0 && `, ${session.viewers} watching`}, until{" "}
              {absoluteMinute(session.expires_at)}
              {session.reason !== null && <span class="console-reason">{session.reason}</span>}
            </>
          )}
        </dd>
        <dt>Listens at</dt>
        <dd data-testid="console-address">{placeOf(found) ?? "The panel does not say yet"}</dd>
        <dt>Hypervisor</dt>
        <dd data-testid="console-host">{hypervisorOf(found, host)}</dd>
      </dl>
      {failure && (
        <div class="console-failure" role="alert" data-testid="failure">
          <FailureText failure={failure} />
        </div>
      )}
      <div class="actions">
        {operates ? (
          <button
            type="button"
            ref={opener}
            class="button primary"
            aria-disabled={opening}
            aria-busy={opening}
            onClick={open}
            data-testid="open-console"
          >
            {opening ? "Opening…" : "Open the console"}
          </button>
        ) : (
          session && (
            <Link to={`/view/${session.session_id}`} class="button primary" testId="open-console">
              Open the console
            </Link>
          )
        )}
        {operates && (session !== null || enabled) && (
          <button
            type="button"
            class="button danger"
            onClick={() => setDisabling(true)}
            data-testid="disable-vnc"
          >
            Switch VNC off
          </button>
        )}
      </div>
      <p class="hint" data-testid="console-hint">
        {hintFor(operates, session, opening)}
      </p>
      {disabling && (
        <DisableVnc
          serverId={server_id}
          onDone={() => {
            // The button that had the keyboard may go.
            opener.current?.focus();
            setFailure(null);
            onChanged();
          }}
          onClose={() => setDisabling(false)}
        />
      )}
    </section>
  );
}

function placeOf({ address, port }: ServerLookUp): string | null {
  if (address === null) return null;
  const host = address.includes(":") ? `[${address}]` : address;
  return port === null ? host : `${host}:${port}`;
}

function hypervisorOf({ address, host_id }: ServerLookUp, host: Host | null): string {
  if (host) return `${host.name}, ${host.online ? "online" : "offline"}`;
  if (host_id !== null) return host_id;
  return address === null ? "Not known yet" : `No host here is known to have ${address}`;
}

function hintFor(operates: boolean, session: Session | null, isOpening: boolean): string {
  if (isOpening) return "The panel is asked to switch VNC on, which can take some seconds.";
  if (session !== null && session.status !== "active") {
    return "It is open, and shows by itself as soon as its VNC server can be reached.";
  }
  if (operates) {
    return session
      ? "It is open: you go right in, and nobody is asked for a password."
      : "Opening it switches VNC on at the panel. Nobody is asked for a password.";
  }
  return session
    ? "You can watch it. Nobody is asked for a password."
    : "You can watch it while it is open. An operator can open it; this page follows.";
}
