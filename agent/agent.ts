import { networkInterfaces } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { canonicalAddress, placeName } from "../protocol/addresses.ts";
import { CloseCode } from "../protocol/close-codes.ts";
import { MAX_ADDRESSES, MAX_STREAMS_PER_HOST, SCAN_INTERVAL_MS } from "../protocol/limits.ts";
import { type AgentToEdge, type Display, type EdgeToAgent, listensOn } from "../protocol/link.ts";
import { ignoreAbort } from "./abort.ts";
import { type AllowedTarget, isAllowed } from "./allow-list.ts";
import { type DesktopNews, Desktops, type DesktopsOptions } from "./desktops.ts";
import { DisplayFinder } from "./displays.ts";
import type { Identity } from "./identity.ts";
import { keepLink } from "./link.ts";
import type { Log } from "./log.ts";
import type { FindPassword } from "./passwords.ts";
import { isUnlimited } from "./rfb/client-filter.ts";
import { unenforceable } from "./rfb/log-in.ts";
import { LoginAttempts } from "./rfb/login-attempts.ts";
import { isSpoken } from "./rfb/security.ts";
import { LoginError } from "./rfb/stream-error.ts";
import { Stream } from "./stream.ts";
import { VERSION } from "./version.ts";

export type AgentOptions = {
  identity: Identity;
  allowed: readonly AllowedTarget[];
  findPassword: FindPassword;
  /** The desktops that it may run for jobs; none if this is left out. */
  desktops?: DesktopsOptions;
  log: Log;
  /** Stops the agent: its streams are closed, its link too. */
  signal: AbortSignal;
};

/**
 * Runs the agent until it is stopped.
 * @returns a sentence when the edge refused this agent for good, null when `signal` stopped it
 * @throws {Error} with a sentence if it cannot be known what an agent before it left running
 */
export async function runAgent(options: AgentOptions): Promise<string | null> {
  const agent = new Agent(options);
  await agent.desktops.cleanUp();
  const closeLink = new AbortController();
  // The streams first: what became of them is told on the link.
  const stop = () => agent.stop().then(() => closeLink.abort());
  if (options.signal.aborted) await stop();
  else options.signal.addEventListener("abort", stop, { once: true });
  await agent.scan();
  const rescanning = agent.rescan();
  const refusal = await keepLink(options.identity, agent, options.log, closeLink.signal);
  await agent.stop();
  await rescanning;
  return refusal;
}

class Agent {
  readonly desktops: Desktops;
  readonly #options: AgentOptions;
  readonly #streams = new Map<string, Stream>();
  readonly #stopped = new AbortController();
  readonly #finder: DisplayFinder;
  readonly #attempts = new LoginAttempts();
  #displays: Display[] = [];
  #send: (message: AgentToEdge) => void = () => {};
  #scanning: Promise<void> | null = null;
  #isUp = false;
  /** What became of desktops while the link was down. */
  readonly #untold: AgentToEdge[] = [];

  constructor(options: AgentOptions) {
    this.#options = options;
    const { desktops, allowed, log } = options;
    this.desktops = new Desktops(desktops, allowed, (news) => void this.#tellOfDesktop(news), log);
    this.#finder = new DisplayFinder(options.allowed);
  }

  up(send: (message: AgentToEdge) => void): void {
    this.#send = send;
    this.#isUp = true;
    send({
      type: "hello",
      version: VERSION,
      displays: this.#displays,
      streams: [...this.#streams.keys()],
      profiles: this.desktops.profiles,
      max_desktops: this.desktops.max,
      max_start_seconds: this.desktops.maxStartSeconds,
      desktops: this.desktops.list(),
      addresses: ownAddresses(),
    });
    for (const message of this.#untold.splice(0)) send(message);
  }

  down(): void {
    this.#isUp = false;
    this.#send = () => {};
  }

  message(message: EdgeToAgent): void {
    switch (message.type) {
      case "open":
        return this.#open(message);
      case "close":
        return this.#close(message);
      case "role":
        // Of a stream that is over the edge hears `closed`; nothing is left to change.
        return this.#streams.get(message.stream)?.setRole(message.role);
      case "scan":
        return void this.scan();
      case "launch":
        return this.desktops.launch(message.session, message.profile, message.url);
      case "stop":
        return this.desktops.stop(message.session);
      case "log":
        return this.#send({ type: "log", ...this.desktops.output(message.session) });
    }
  }

  /** Looks for VNC servers and tells the edge. Asked again while it looks, it looks once. */
  async scan(): Promise<void> {
    this.#scanning ??= this.#look().finally(() => {
      this.#scanning = null;
    });
    await this.#scanning;
  }

  async #look(): Promise<void> {
    await this.#finder.find(this.#stopped.signal);
    this.#tellDisplays();
  }

  #tellDisplays(): void {
    const displays = this.#finder.known();
    const changed = JSON.stringify(displays) !== JSON.stringify(this.#displays);
    this.#displays = displays;
    if (!changed || this.#stopped.signal.aborted) return;
    this.#options.log("displays.changed", { ports: displays.map((display) => display.port) });
    this.#send({ type: "displays", displays });
  }

  /** The displays first: with that of a desktop, or without it. */
  async #tellOfDesktop(news: DesktopNews): Promise<void> {
    if (!this.#stopped.signal.aborted) {
      await this.#scanning; // which may have been there before the desktop
      await this.scan();
    }
    if (this.#isUp) this.#send(news);
    else this.#untold.push(news);
  }

  async rescan(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await sleep(SCAN_INTERVAL_MS, undefined, { signal }).catch(ignoreAbort);
      if (!signal.aborted) await this.scan();
    }
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    const streams = [...this.#streams.values()];
    for (const stream of streams) stream.close(CloseCode.hostOffline, "The agent was stopped.");
    await Promise.all(streams.map((stream) => stream.finished));
    await this.desktops.stopAll("The agent was stopped.");
  }

  #open(message: Extract<EdgeToAgent, { type: "open" }>): void {
    const { stream: id, session } = message;
    const target = { ...message.target, host: canonicalAddress(message.target.host) };
    const fail = (code: CloseCode, reason: string) => {
      this.#options.log("stream.refused", { stream: id, session, ...target, code, reason });
      this.#send({ type: "failed", stream: id, code, message: reason });
    };
    if (!isAllowed(this.#options.allowed, target.host, target.port)) {
      return fail(
        CloseCode.forbidden,
        `The agent's owner does not allow ${placeName(target.host, target.port)}; see its --allow.`,
      );
    }
    if (this.desktops.isOfAnother(session, target)) {
      return fail(CloseCode.forbidden, `Port ${target.port} is the desktop of another session.`);
    }
    if (this.#streams.has(id)) return; // said twice
    if (this.#streams.size >= MAX_STREAMS_PER_HOST) {
      return fail(CloseCode.tooMany, `This host has ${MAX_STREAMS_PER_HOST} streams, its limit.`);
    }
    const { role, clipboard, control, token, password = null } = message;
    const rights = { role, clipboard, control };
    if (!isUnlimited(rights) && this.#isKnownForeign(target)) {
      return fail(CloseCode.forbidden, unenforceable(target.port).message);
    }
    const { identity, log } = this.#options;
    const findPassword: FindPassword = async (...asked) =>
      this.desktops.passwordOf(target) ?? this.#options.findPassword(...asked);
    const stream = new Stream(
      {
        edge: identity.edge,
        stream: id,
        session,
        token,
        target,
        rights,
        password,
      },
      { log, findPassword, attempts: this.#attempts },
      {
        opened: () => this.#send({ type: "opened", stream: id }),
        described: (desktop) => {
          this.#finder.describe(target, desktop);
          this.#tellDisplays();
        },
        failed: (error) => {
          this.#send({ type: "failed", stream: id, code: error.code, message: error.message });
          // One that does not let the agent in is there; asking it again would count as an attack.
          if (error instanceof LoginError) return;
          this.#finder.forget(target); // the edge should not call a display live that is not
          void this.scan();
        },
        closed: (totals) => this.#send({ type: "closed", stream: id, ...totals }),
      },
    );
    this.#streams.set(id, stream);
    void stream.finished.then(() => this.#streams.delete(id));
  }

  /** Whether a server is known to speak no login of ours: asking it again would count as an attack. */
  #isKnownForeign({ host, port }: { host: string; port: number }): boolean {
    const display = this.#displays.find((found) => found.port === port && listensOn(found, host));
    return Boolean(display && display.security.length > 0 && !isSpoken(display.security));
  }

  #close(message: Extract<EdgeToAgent, { type: "close" }>): void {
    const stream = this.#streams.get(message.stream);
    if (stream) return stream.close(message.code, message.reason);
    // The edge still believes in it: say that it is over.
    this.#send({
      type: "closed",
      stream: message.stream,
      bytes_in: 0,
      bytes_out: 0,
      seconds: 0,
      reason: "The agent has no such stream.",
    });
  }
}

/** Where this machine can be reached, so that a panel can find the host that owns an address. */
function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => !address.internal)
    .map((address) => address.address)
    .slice(0, MAX_ADDRESSES);
}
