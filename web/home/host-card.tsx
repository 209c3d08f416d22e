import { useRef, useState } from "preact/hooks";
import type { Host } from "../../protocol/api.ts";
import { MAX_NAME_CHARACTERS } from "../../protocol/limits.ts";
import { ApiError, openDisplay, scanHost } from "../api.ts";
import { RefreshIcon, TrashIcon } from "../icons.tsx";
import { signInPath } from "../next-path.ts";
import { navigate } from "../router.tsx";
import { absolute, elapsed } from "../time.ts";
import { DisplayCard } from "./display-card.tsx";
import { RemoveHost } from "./remove-host.tsx";

export function HostCard({ host, onChanged }: { host: Host; onChanged(): void }) {
  const [opening, setOpening] = useState<number | null>(null);
  const [scanning, setScanning] = useState(false);
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

  const open = (port: number, name: string) =>
    attempt(async () => {
      setOpening(port);
      const label = `${host.name} · ${name}`.slice(0, MAX_NAME_CHARACTERS);
      const session = await openDisplay(host.host_id, port, label);
      navigate(`/view/${session.session_id}`);
    });

  const scan = () =>
    attempt(async () => {
      setScanning(true);
      await scanHost(host.host_id);
      onChanged();
    });

  return (
    <section class={`host ${host.online ? "" : "offline"}`} data-testid="host">
      <header class="host-head">
        <h2>{host.name}</h2>
        <p class="host-state" data-testid="host-state">
          <span class={`dot ${host.online ? "connected" : "ended"}`} aria-hidden="true" />
          <span title={`Since ${absolute(host.since)}`}>
            {host.online ? "Online" : "Offline"} for {elapsed(host.since, Date.now())}
          </span>
          {host.streams > 0 && <span> · {host.streams} watching</span>}
        </p>
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
            aria-label={`Remove ${host.name}`}
            title="Remove this host"
            onClick={() => setRemoving(true)}
            data-testid="remove-host"
          >
            <TrashIcon />
          </button>
        </div>
      </header>
      <p class="error" role="alert" data-testid="host-problem">
        {problem}
      </p>
      {host.displays.length === 0 ? (
        <p class="hint">
          {host.online
            ? "No display found. Start a VNC server on a port from 5900 to 5999, then look again."
            : "It had no display when it was last seen."}
        </p>
      ) : (
        <ul class="displays">
          {host.displays.map((display) => (
            <li key={display.port}>
              <DisplayCard
                display={display}
                online={host.online}
                opening={opening === display.port}
                onOpen={open}
              />
            </li>
          ))}
        </ul>
      )}
      {removing && (
        <RemoveHost host={host} onRemoved={onChanged} onClose={() => setRemoving(false)} />
      )}
    </section>
  );
}
