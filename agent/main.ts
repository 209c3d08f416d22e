import { hostname } from "node:os";
import { parseArgs } from "node:util";
import { runAgent } from "./agent.ts";
import { type AllowedTarget, defaultAllowList, parseAllowedTarget } from "./allow-list.ts";
import { readConfig } from "./config.ts";
import { isLoopback } from "./dial.ts";
import { DisplayFinder } from "./displays.ts";
import { defaultStateDir, type Identity, readIdentity } from "./identity.ts";
import { join } from "./join.ts";
import { logToStdout } from "./log.ts";
import { passwordsOf } from "./passwords.ts";
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

  --name N      the host's name (default: this machine's)
  --state DIR   where the key is kept (default: ${defaultStateDir()})
  --allow A:P   what viewers may reach, in place of the default: ports 5900-5999 of this machine.
                May be given several times: --allow 127.0.0.1:5901 --allow 192.168.4.2:5900-5910
  --config FILE where the passwords of VNC servers come from, and which desktops jobs may have
                (default: config.json beside the key)
`;

/** What a supervisor must not restart: the edge refused this agent for good. */
const EXIT_REFUSED = 3;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

/** How long the edge has to answer `status`. */
const STATUS_TIMEOUT_MS = 5_000;

class UsageError extends Error {}

type Options = { name?: string; state: string; allowed: AllowedTarget[]; config?: string };

function readCommandLine(args: string[]): { command: string; rest: string[]; options: Options } {
  const { values, positionals } = parseCommandLine(args);
  if (values.help) return { command: "help", rest: [], options: { state: "", allowed: [] } };
  if (values.version) return { command: "version", rest: [], options: { state: "", allowed: [] } };
  const [command, ...rest] = positionals;
  if (command === undefined) throw new UsageError("Say what to do.");
  try {
    const allowed = values.allow?.map(parseAllowedTarget) ?? defaultAllowList();
    const { name, config } = values;
    const options = {
      state: values.state ?? defaultStateDir(),
      allowed,
      ...(name && { name }),
      ...(config && { config }),
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
  console.log("Serve its displays with: porthole-agent run");
  return 0;
}

function requireIdentity(stateDir: string): Identity {
  const identity = readIdentity(stateDir);
  if (identity) return identity;
  throw new Error(
    `This machine has not joined an edge yet (nothing in ${stateDir}). ` +
      "Ask the operator for a join token, then: porthole-agent join <edge-url> <join-token>",
  );
}

async function run(options: Options): Promise<number> {
  const identity = requireIdentity(options.state);
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
  const identity = requireIdentity(options.state);
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

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error((error as Error).message);
  if (isUsage) console.error(`\n${USAGE}`);
  process.exitCode = isUsage ? EXIT_USAGE : EXIT_FAILED;
}
