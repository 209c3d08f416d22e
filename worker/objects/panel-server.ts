import { DurableObject } from "cloudflare:workers";
import { randomId } from "../../protocol/ids.ts";
import { DEFAULT_SESSION_TTL_S } from "../../protocol/limits.ts";
import { type Env, registry, vncHost, vncSession } from "../env.ts";
import { log } from "../log.ts";
import { canonicalAddress, isOfNoMachine } from "../panels/address.ts";
import { hostingPanel, type ServerVnc } from "../panels/panel.ts";
import { ProblemError, type Result, unwrap } from "../problem.ts";
import type { NewSession, SessionState } from "./session/session-row.ts";
import { hasTable, oneRow } from "./storage.ts";

/**
 * One server of the hosting panel: which session shows its console. Enabling and disabling it run
 * here, one after the other, so that two clicks make one session and one call that may rotate the
 * password. The session stays the authority on itself; here stands only which one it is.
 */
export class PanelServer extends DurableObject<Env> {
  readonly #sql = this.ctx.storage.sql;
  /** What was asked for last, while it runs. */
  #last: { kind: string; running: Promise<unknown> } | null = null;

  /** What the panel says now, and the session that is open. Changes nothing. */
  async lookUp(serverId: string): Promise<Result<LookedUp>> {
    return answerOf(async () => {
      const { enabled, listener } = await hostingPanel(this.env).lookUp(serverId);
      const { address = null, port = null } = listener ?? {};
      const owners = address === null ? [] : await registry(this.env).hosts.findByAddress(address);
      const host_id = owners.length === 1 ? (owners[0]?.host_id ?? null) : null;
      const open = await this.#open();
      return { enabled, address, port, host_id, session: open?.session ?? null };
    });
  }

  /**
   * Sees to it that the server's console can be opened. The panel is told to switch VNC on unless
   * that works already, or was done just now: each time may rotate the password, and cut who is
   * connected.
   */
  enable(serverId: string, by: Caller): Promise<Result<Enabled>> {
    return this.#inTurn("enable", () => this.#enable(serverId, by));
  }

  /** Ends the session, and has the panel switch VNC off. */
  disable(serverId: string, by: Caller): Promise<Result<Disabled>> {
    return this.#inTurn("disable", async () => {
      const panel = hostingPanel(this.env);
      const open = await this.#open();
      // First, so that its viewers read a sentence and do not just lose the picture.
      if (open) {
        const session = vncSession(this.env, open.session.session_id);
        unwrap(await session.end(by.actor, SWITCHED_OFF, by.address));
      }
      const { queueId } = await panel.switchVnc(serverId, false);
      log("panel.vnc_disabled", { server: serverId, queueId });
      return { session_id: open?.session.session_id ?? null, queue_id: queueId };
    });
  }

  async #enable(serverId: string, by: Caller): Promise<Enabled> {
    const panel = hostingPanel(this.env);
    const open = await this.#open();
    const known = await panel.lookUp(serverId);
    // Before VNC is switched on: nobody could show it but the host that has this address.
    const host = known.listener && (await this.#hostOf(known.listener));
    const same = host && known.listener && isShownBy(open, host, known.listener) ? open : null;
    const answers = host !== null && same !== null && (await this.#answers(host, same));
    const settlesAt = same === null || answers ? 0 : same.settles_at;
    const works = answers || Date.now() < settlesAt;
    const { listener, queueId } = works ? known : await panel.switchVnc(serverId, true);
    if (!listener) {
      const detail = `The panel does not say yet where server ${serverId} has its VNC; try again in a minute.`;
      throw new ProblemError(502, "no_listener", detail);
    }
    const owner = works && host ? host : await this.#hostOf(listener);
    const settles_at = works ? settlesAt : Date.now() + SETTLE_MS;
    const shown = await this.#show(serverId, open, owner, { ...listener, settles_at }, by);
    if (!works) await vncHost(this.env, owner.host_id).scan();
    const session = unwrap(await vncSession(this.env, shown.session_id).describe());
    const outcome = { created: shown.created, switched_on: !works, queue_id: queueId };
    const fields = { server: serverId, session: session.session_id, host: owner.host_id };
    log("panel.vnc_enabled", { ...fields, ...outcome });
    return { session, ...outcome };
  }

  /** Has the open session show what listens there, or makes one that does. */
  async #show(
    serverId: string,
    open: OpenConsole | null,
    host: Host,
    { address, port, password, settles_at }: Listener & { settles_at: number },
    by: Caller,
  ): Promise<{ session_id: string; created: boolean }> {
    const now = Date.now();
    const place = { address, port, settles_at };
    const target = { address, port, password, expires_at: now + DEFAULT_SESSION_TTL_S * 1000 };
    if (open?.session.host_id === host.host_id) {
      const { session_id } = open;
      const kept = await vncSession(this.env, session_id).retarget(target);
      if (kept.ok) {
        this.#store({ session_id, ...place });
        return { session_id, created: false };
      }
    } else if (open) {
      unwrap(await vncSession(this.env, open.session_id).end(SYSTEM, MOVED));
    }
    const session_id = randomId();
    // Before it is made: a session that this object does not know of would never be used again.
    this.#store({ session_id, ...place });
    const near = await vncHost(this.env, host.host_id).location();
    const session: NewSession = {
      session_id,
      host_id: host.host_id,
      label: `Server ${serverId}`,
      server_id: serverId,
      control: "shared",
      clipboard: "both",
      // The next click finds it again; without one its time ends it.
      idle_seconds: null,
      created_at: now,
      ...target,
    };
    await vncSession(this.env, session_id, near).create(session, by);
    return { session_id, created: true };
  }

  /**
   * The host whose agent can dial a listener.
   * @throws {ProblemError} 409 if it is no host's, or more than one's; 503 while it is offline
   */
  async #hostOf({ address, port }: Place): Promise<Host> {
    if (isOfNoMachine(address)) {
      const detail = `The panel says that VNC listens at ${address}, which could be any machine; have the hypervisor's VNC listen on an address of its own.`;
      throw new ProblemError(409, "listener_not_named", detail);
    }
    const [host, ...others] = await registry(this.env).hosts.findByAddress(address);
    if (!host) {
      const detail = `The server's VNC is at ${address}, and no host here has that address: join the hypervisor that has it, with POST /api/hosts/join-tokens.`;
      throw new ProblemError(409, "no_agent_at_address", detail);
    }
    if (others.length > 0) {
      const names = [host, ...others].map(({ name, host_id }) => `${name} (${host_id})`).join(", ");
      const detail = `More than one host says that ${address} is its own: ${names}. Remove the one that is not the hypervisor.`;
      throw new ProblemError(409, "address_claimed_twice", detail);
    }
    const { online, reason } = await vncHost(this.env, host.host_id).reach(port, address);
    if (!online) throw new ProblemError(503, "host_offline", reason ?? "The host is offline.");
    return host;
  }

  /** Whether the host's agent sees a VNC server there. */
  async #answers(host: Host, { address, port }: Place): Promise<boolean> {
    return (await vncHost(this.env, host.host_id).reach(port, address)).reason === null;
  }

  /** The session that shows this server, and where, unless it has ended. */
  async #open(): Promise<OpenConsole | null> {
    if (!hasTable(this.#sql, "console")) return null;
    const row = oneRow(this.#sql.exec<ConsoleRow>("SELECT * FROM console"));
    if (!row) return null;
    const state = await vncSession(this.env, row.session_id).describe();
    return state.ok && state.value.status !== "ended" ? { ...row, session: state.value } : null;
  }

  #store({ session_id, address, port, settles_at }: ConsoleRow): void {
    this.ctx.storage.transactionSync(() => {
      this.#sql.exec(CONSOLE_SCHEMA);
      this.#sql.exec("DELETE FROM console");
      const insert =
        "INSERT INTO console (session_id, address, port, settles_at) VALUES (?, ?, ?, ?)";
      this.#sql.exec(insert, session_id, address, port, settles_at);
    });
  }

  /** Runs after what was asked before; who asks for the same again meanwhile gets its answer. */
  #inTurn<Value>(kind: string, work: () => Promise<Value>): Promise<Result<Value>> {
    if (this.#last?.kind === kind) return this.#last.running as Promise<Result<Value>>;
    const before = this.#last?.running;
    const running = answerOf(async () => {
      await before?.catch(() => {}); // its own caller hears of that
      return work();
    });
    const mine = { kind, running };
    this.#last = mine;
    const done = () => {
      if (this.#last === mine) this.#last = null;
    };
    // Also if who asked has gone: what may rotate the password is not left half-way.
    this.ctx.waitUntil(running.then(done, done));
    return running;
  }
}

/** Over RPC an error would lose its class. */
async function answerOf<Value>(work: () => Promise<Value>): Promise<Result<Value>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    if (error instanceof ProblemError) return { ok: false, refusal: error.refusal };
    throw error;
  }
}

/** Whether it is this listener of this host that an open session shows. */
function isShownBy(open: OpenConsole | null, host: Host, { address, port }: Place): boolean {
  return (
    open?.session.host_id === host.host_id &&
    open.port === port &&
    canonicalAddress(open.address) === canonicalAddress(address)
  );
}

/**
 * How long VNC that was switched on may take to be seen: the panel queues it, and an agent looks by
 * itself every 30 s. Until then the panel is not told again.
 */
const SETTLE_MS = 45_000;

const SWITCHED_OFF = "VNC was switched off for this server.";
const MOVED = "The server moved to another host; open its console again.";

/** Who ends the session of a server that moved. */
const SYSTEM = "porthole";

type Place = { address: string; port: number };
type Listener = NonNullable<ServerVnc["listener"]>;
type Host = { host_id: string; name: string };

/** Until `settles_at`, in ms since the epoch, a listener that does not answer may be on its way. */
type ConsoleRow = Place & { session_id: string; settles_at: number };
type OpenConsole = ConsoleRow & { session: SessionState };

/** Who calls, for the audit. @property address from which the call came */
type Caller = { actor: string; address: string };

type LookedUp = {
  enabled: boolean;
  address: string | null;
  port: number | null;
  host_id: string | null;
  session: SessionState | null;
};

/** @property switched_on whether the panel was told to; otherwise VNC worked already */
type Enabled = {
  session: SessionState;
  created: boolean;
  switched_on: boolean;
  queue_id: string | null;
};

type Disabled = { session_id: string | null; queue_id: string | null };

/** The one row: the session that was made last, and the listener that it shows. */
const CONSOLE_SCHEMA = `
  CREATE TABLE IF NOT EXISTS console (
    session_id TEXT NOT NULL, address TEXT NOT NULL, port INTEGER NOT NULL,
    settles_at INTEGER NOT NULL
  );
`;
