import { hostname, userInfo } from "node:os";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { runAgent } from "./agent.ts";
import { type AllowedTarget, defaultAllowList, parseAllowedTarget } from "./allow-list.ts";
import { readConfig } from "./config.ts";
import { isLoopback } from "./dial.ts";
import { DisplayFinder } from "./displays.ts";
import { EXIT_FAILED, EXIT_REFUSED, EXIT_USAGE } from "./exit-codes.ts";
import { defaultStateDir, type Identity, readIdentity } from "./identity.ts";
import { join } from "./join.ts";
import { logToStdout } from "./log.ts";
import { agentFile, ownCommand } from "./own-command.ts";
import { passwordsOf } from "./passwords.ts";
import { installService } from "./service/install.ts";
import { serviceUnit } from "./service/unit.ts";
import { VERSION } from "./version.ts";

const USAGE = `porthole-agent ${VERSION}: shows this machine's VNC displays through a Porthole edge.
It opens no port: it dials out.

  porthole-agent join <edge-url> <join-token> [--name N] [--state DIR]
      Makes this machine a host of that edge. The token works once; the operator makes it.
  porthole-agent run [--state DIR] [--allow ADDRESS:PORTS ...] [--config FILE]
      Serves viewers until it is stopped.
  porthole-agent status [--state DIR]
      Says which host of which edge this machine is, and whether the edge answers.
  porthole-agent displays [--allow ADDRESS:PORTS ...]
      Lists the VNC servers that are found on this machine.
  porthole-agent install-service [--state DIR] [--user NAME] [--allow ...] [--config FILE] [--print]
      Has systemd run the agent from now on, and after each restart of this machine.

  --name N      the host's name (default: this machine's)
  --state DIR   where the key is kept (default: ${defaultStateDir()})
  --allow A:P   what viewers may reach, in place of the default: ports 5900-5999 of this machine.
                May be given several times: --allow 127.0.0.1:5901 --allow 192.168.4.2:5900-5910
  --config FILE where the passwords of VNC servers come from, and which desktops jobs may have
                (default: config.json beside the key)
  --user NAME   as whom the service runs (default: root)
  --unit-dir D  where its unit is written (default: /etc/systemd/system)
  --print       shows the unit, and installs nothing
`;

/** How long the edge has to answer `status`. */
const STATUS_TIMEOUT_MS = 5_000;

class UsageError extends Error {}

type Options = {
  name?: string;
  state: string;
  allowed: AllowedTarget[];
  config?: string;
  user?: string;
  unitDir?: string;
  print: boolean;
  /** Those that a command which is printed for a person has to repeat. */
  given: { state: string[]; run: string[] };
};

const NO_OPTIONS: Options = { state: "", allowed: [], print: false, given: { state: [], run: [] } };

function readCommandLine(args: string[]): { command: string; rest: string[]; options: Options } {
  const { values, positionals } = parseCommandLine(args);
  if (values.help) return { command: "help", rest: [], options: NO_OPTIONS };
  if (values.version) return { command: "version", rest: [], options: NO_OPTIONS };
  const [command, ...rest] = positionals;
  if (command === undefined) throw new UsageError("Say what to do.");
  try {
    const allowed = values.allow?.map(parseAllowedTarget) ?? defaultAllowList();
    const { name, user, print = false, "unit-dir": unitDir } = values;
    const state = resolve(values.state ?? defaultStateDir());
    const config = values.config && resolve(values.config);
    const given = {
      state: values.state === undefined ? [] : ["--state", state],
      run: [
        ...(values.allow ?? []).flatMap((target) => ["--allow", target]),
        ...(config ? ["--config", config] : []),
      ],
    };
    const options = {
      ...{ state, allowed, print, given },
      ...(name && { name }),
      ...(config && { config }),
      ...(user && { user }),
      ...(unitDir && { unitDir }),
    };
    return { command, rest, options };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function parseCommandLine(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        name: { type: "string" },
        state: { type: "string" },
        allow: { type: "string", multiple: true },
        config: { type: "string" },
        user: { type: "string" },
        "unit-dir": { type: "string" },
        print: { type: "boolean" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** @returns the exit code */
async function main(args: string[]): Promise<number> {
  const { command, rest, options } = readCommandLine(args);
  switch (command) {
    case "help":
      console.log(USAGE);
      return 0;
    case "version":
      console.log(VERSION);
      return 0;
    case "join":
      return joinEdge(rest, options);
    case "run":
      return run(expectNoMore(rest, options));
    case "status":
      return status(expectNoMore(rest, options));
    case "displays":
      return displays(expectNoMore(rest, options));
    case "install-service":
      return install(expectNoMore(rest, options));
    default:
      throw new UsageError(`There is no command "${command}".`);
  }
}

function expectNoMore(rest: string[], options: Options): Options {
  if (rest.length > 0) throw new UsageError(`"${rest[0]}" is one word too many.`);
  return options;
}

async function joinEdge(rest: string[], options: Options): Promise<number> {
  const [edge, token, extra] = rest;
  if (!edge || !token || extra) throw new UsageError("join takes an edge's address and a token.");
  const name = options.name ?? hostname();
  const identity = await join({ edge, token, name, stateDir: options.state });
  console.log(`This machine is now the host "${identity.name}" of ${identity.edge}.`);
  console.log(`Serve its displays with: ${ownCommand("run", ...options.given.state)}`);
  return 0;
}

function requireIdentity({ state, given }: Options): Identity {
  const identity = readIdentity(state);
  if (identity) return identity;
  const join = ownCommand("join", "<edge-url>", "<join-token>", ...given.state);
  throw new Error(
    `This machine has not joined an edge yet (nothing in ${state}). ` +
      `Ask the operator for a join token, then: ${join}`,
  );
}

async function run(options: Options): Promise<number> {
  const identity = requireIdentity(options);
  const config = readConfig(options.state, options.config);
  const { protocol, hostname } = new URL(identity.edge);
  if (protocol === "http:" && !isLoopback(hostname)) {
    logToStdout("agent.unencrypted", { edge: identity.edge, advice: "use an https edge" });
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const refusal = await runAgent({
    identity,
    allowed: options.allowed,
    findPassword: passwordsOf(config, logToStdout),
    desktops: { config, stateDir: options.state },
    log: logToStdout,
    signal: stop.signal,
  });
  if (refusal === null) return 0;
  console.error(
    `${identity.edge} refused this agent: ${refusal} ` +
      `If that was not meant, delete ${options.state} and join again with a new token.`,
  );
  return EXIT_REFUSED;
}

async function status(options: Options): Promise<number> {
  const identity = requireIdentity(options);
  console.log(`Host "${identity.name}" (${identity.host_id}) of ${identity.edge}`);
  try {
    const signal = AbortSignal.timeout(STATUS_TIMEOUT_MS);
    const response = await fetch(`${identity.edge}/api/health`, { signal });
    console.log(response.ok ? "The edge answers." : `The edge answers with ${response.status}.`);
    return response.ok ? 0 : EXIT_FAILED;
  } catch (error) {
    console.log(`The edge does not answer (${(error as Error).message}).`);
    return EXIT_FAILED;
  }
}

async function displays(options: Options): Promise<number> {
  const found = await new DisplayFinder(options.allowed).find();
  for (const { display, port, address, security } of found) {
    const where = address === undefined ? `port ${port}` : `port ${port} of ${address}`;
    const name = display === null ? "" : `display ${display}  `;
    console.log(`${name}${where}  security: ${security.join(", ")}`);
  }
  if (found.length === 0) console.log("No VNC server was found on this machine.");
  return 0;
}

async function install(options: Options): Promise<number> {
  requireIdentity(options);
  const { state, user = null, unitDir, print, given } = options;
  const { profiles } = readConfig(state, options.config);
  const service = {
    command: [process.execPath, agentFile(), "run", "--state", state, ...given.run],
    stateDir: state,
    user,
    startsDesktops: Object.values(profiles).some((profile) => profile !== false),
  };
  if (print) {
    process.stdout.write(serviceUnit(service));
    return 0;
  }
  // Who is not root and is told to become it has a state that is theirs.
  const owner = process.getuid?.() === 0 ? user : (user ?? userInfo().username);
  const asUser = owner === null ? [] : ["--user", owner];
  const commands = {
    install: ownCommand("install-service", "--state", state, ...asUser, ...given.run),
    run: ownCommand("run", ...given.state, ...given.run),
  };
  console.log(await installService({ service, commands, ...(unitDir && { unitDir }) }));
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error((error as Error).message);
  if (isUsage) console.error(`\n${USAGE}`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED;
}
