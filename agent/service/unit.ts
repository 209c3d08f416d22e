import { EXIT_REFUSED } from "../exit-codes.ts";

/** What a service of systemd runs, and as whom. */
export type Service = {
  /** Program and arguments: no shell reads them. */
  command: readonly string[];
  /** The one folder of the machine that it writes to. */
  stateDir: string;
  /** Whose; null is root. */
  user: string | null;
  /** Whether it starts desktops for jobs: their programs need more than an agent does. */
  startsDesktops: boolean;
};

/**
 * The unit of an agent. It holds no secret: those are in the state folder.
 * Not in it is MemoryDenyWriteExecute, since Node compiles JavaScript as it runs.
 * @throws {Error} with a sentence if a path cannot stand in a unit
 */
export function serviceUnit({ command, stateDir, user, startsDesktops }: Service): string {
  return `# Written by: porthole-agent install-service
[Unit]
Description=Porthole agent: shows this machine's VNC displays
Wants=network-online.target
After=network-online.target
# It is never given up: an edge may be away for long.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command.map(argument).join(" ")}
${user === null ? "" : `User=${user}\n`}Restart=always
RestartSec=5
# The edge refused it for good: the host was removed, or another agent has its key.
RestartPreventExitStatus=${EXIT_REFUSED}
# The agent ends its desktops itself; what is left after it is killed.
KillMode=mixed

# It writes to its state folder only, and gains no rights.
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths=${quoted(stateDir)}
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native
# Netlink tells the addresses of this machine.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
${startsDesktops ? FOR_DESKTOPS : FOR_VIEWERS_ALONE}
[Install]
WantedBy=multi-user.target
`;
}

/** An agent alone needs none of what a browser does. */
const FOR_VIEWERS_ALONE = `UMask=0077
PrivateTmp=yes
PrivateDevices=yes
RestrictNamespaces=yes
# Node protects the code that it compiles with keys of memory.
SystemCallFilter=@system-service @pkey
SystemCallErrorNumber=EPERM
# To read the passwords of VNC servers that other users have.
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
`;

/** A browser makes a sandbox of namespaces, and each desktop has a folder and a user of its own. */
const FOR_DESKTOPS = `# Desktops for jobs have their folders and sockets there.
ReadWritePaths=/tmp
`;

/** An argument of ExecStart, in which systemd would also fill in variables. */
function argument(text: string): string {
  return quoted(text).replaceAll("$", "$$$$");
}

/** A word as systemd reads it. @throws {Error} if it holds what no line can */
function quoted(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
  if (/[\x00-\x1f\x7f]/.test(text)) {
    throw new Error(`${JSON.stringify(text)} cannot stand in a unit of systemd.`);
  }
  const escaped = text.replace(/[\\"]/g, "\\$&").replaceAll("%", "%%");
  return `"${escaped}"`;
}
