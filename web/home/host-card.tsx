import { useRef, useState } from "preact/hooks";
import type { Host, Session } from "../../protocol/api.ts";
import { MAX_NAME_CHARACTERS } from "../../protocol/limits.ts";
import { ApiError, findOpen, findOpenDisplay, openDisplay, scanHost } from "../api.ts";
import { EditIcon, RefreshIcon, TrashIcon } from "../icons.tsx";
import { offerOf } from "../jobs/offers.ts";
import { navigate } from "../navigate.ts";
import { signInPath } from "../next-path.ts";
import { absolute, elapsed } from "../time.ts";
import { DisplayCard, nameOf } from "./display-card.tsx";
import { EditHost } from "./edit-host.tsx";
import { OpenOptions } from "./open-options.tsx";
import { RemoveHost } from "./remove-host.tsx";

type HostCardProps = {
  host: Host;
  /** Those that are shown, of all hosts. */
  sessions: readonly Session[];
  /** Whether these are all that are open. */
  knowsAll: boolean;
  /** Whether who looks may make sessions, and change the host. */
  operates: boolean;
  now: number;
  onChanged(): void;
};

/** A host: how it is, what can be done with it, and its displays, each one click from its desktop. */
export function HostCard(props: HostCardProps) {
  const { host, sessions, knowsAll, operates, now, onChanged } = props;
  const [opening, setOpening] = useState<number | null>(null);
  const [options, setOptions] = useState<Host["displays"][number] | null>(null);
  const [scanning, setScanning] = useState(false);
  const [editing, setEditing] = useState(false);
  const [removing, setRemoving] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const busy = useRef(false);

  const attempt = async (action: () => Promise<void>) => {
    if (busy.current) return;
    busy.current = true;
    setProblem(null);
    try {
      await action();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) navigate(signInPath("/"));
      else setProblem(error.message);
    } finally {
      busy.current = false;
      setOpening(null);
      setScanning(false);
    }
  };

  const labelOf = (display: Host["displays"][number]) =>
    `${host.name} · ${nameOf(display)}`.slice(0, MAX_NAME_CHARACTERS);
  const sessionOf = (port: number) => findOpen(sessions, { host_id: host.host_id, port });
  const open = (display: Host["displays"][number]) =>
    attempt(async () => {
      const { port } = display;
      setOpening(port);
      const wishes = { host_id: host.host_id, port, label: labelOf(display) };
      const session =
        sessionOf(port) ?? (await (operates ? openDisplay(wishes) : findOpenDisplay(wishes)));
      if (session) navigate(`/view/${session.session_id}`);
      else setProblem("It is not open now. An operator can open it.");
    });
  const closed = (port: number) => {
    if (!host.online) return "";
    return !operates && knowsAll && !sessionOf(port) ? "not open now" : null;
  };

  const scan = () =>
    attempt(async () => {
      setScanning(true);
      await scanHost(host.host_id);
      onChanged();
    });

  return (
    <section class={`host ${host.online ? "" : "offline"}`} data-testid="host">
      <header class="host-head">
        <h2>
          {host.name}
          {host.label !== null && (
            <span class="host-label" data-testid="label">
              {host.label}
            </span>
          )}
        </h2>
        <HostState host={host} now={now} />
        {operates && (
          <div class="host-tools">
            <button
              type="button"
              class="tool"
              disabled={!host.online}
              aria-label={`Look for displays on ${host.name} again`}
              title="Look for displays again"
              onClick={scan}
              data-testid="scan"
            >
              <span class={scanning ? "turning" : ""}>
                <RefreshIcon />
              </span>
            </button>
            <button
              type="button"
              class="tool"
              aria-label={`Rename ${host.name}`}
              title="Rename or label this host"
              onClick={() => setEditing(true)}
              data-testid="edit-host"
            >
              <EditIcon />
            </button>
            <button
              type="button"
              class="tool"
              aria-label={`Remove ${host.name}`}
              title="Remove this host"
              onClick={() => setRemoving(true)}
              data-testid="remove-host"
            >
              <TrashIcon />
            </button>
          </div>
        )}
      </header>
      <p class="error" role="alert" data-testid="host-problem">
        {problem}
      </p>
      {host.displays.length === 0 ? (
        <p class="hint">
          {host.online
            ? "No display found. Start a VNC server on a port from 5900 to 5999, then look again."
            : "Its displays are shown again when it is back. Its agent reconnects by itself."}
        </p>
      ) : (
        <ul class="displays">
          {host.displays.map((display) => (
            <li key={display.port}>
              <DisplayCard
                display={display}
                closed={closed(display.port)}
                opening={opening === display.port}
                onOpen={() => open(display)}
                onOptions={operates ? () => setOptions(display) : null}
              />
            </li>
          ))}
        </ul>
      )}
      {options && (
        <OpenOptions
          hostId={host.host_id}
          port={options.port}
          title={nameOf(options)}
          label={labelOf(options)}
          onClose={() => setOptions(null)}
        />
      )}
      {editing && <EditHost host={host} onChanged={onChanged} onClose={() => setEditing(false)} />}
      {removing && (
        <RemoveHost host={host} onRemoved={onChanged} onClose={() => setRemoving(false)} />
      )}
    </section>
  );
}

/** Whether it is there and since when, how far away it is, and how much goes through it. */
function HostState({ host, now }: { host: Host; now: number }) {
  const { online, since, streams, latency_ms: latency, version } = host;
  const facts = [
    latency === null ? null : `${Math.round(latency)} ms`,
    streams === 0 ? null : `${streams} ${streams === 1 ? "stream" : "streams"}`,
    version === null ? null : `agent ${version}`,
    offerOf(host),
  ].filter((fact) => fact !== null);
  return (
    <p class="host-state" data-testid="host-state">
      <span title={`Since ${absolute(since)}`}>
        <span class={`dot ${online ? "connected" : "ended"}`} aria-hidden="true" />{" "}
        {online ? "Online" : "Offline"} for {elapsed(since, now)}
      </span>
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
    </p>
  );
}
