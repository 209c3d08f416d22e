/** Every limit that more than one side must know, with its unit in its name. */

/** How long a viewer waits for the agent to come with its end, from the upgrade on. */
export const AGENT_ANSWER_MS = 10_000;

/**
 * How long the agent gives a VNC server to accept and to send its version. Below
 * {@link AGENT_ANSWER_MS}, so that the viewer hears the agent's exact reason and not "no answer".
 */
export const DISPLAY_ANSWER_MS = 7_000;

/** How often an agent pings on its link. The runtime answers by itself; nothing wakes. */
export const LINK_PING_MS = 20_000;

/** A host whose last ping is older than this is offline. */
export const LINK_SILENCE_MS = 45_000;

/** The ping and its answer, compared whole by the runtime's auto-response. */
export const LINK_PING = "ping";
export const LINK_PONG = "pong";

/**
 * How many changes `/api/events` remembers. A watcher that did not read the last so many is cut
 * off; one that comes back with less can go on where it was.
 */
export const KEPT_CHANGES = 1_000;

/** A watcher of `/api/events` says `ping` more often than this, or is taken for gone. */
export const WATCHER_SILENCE_MS = 60_000;

/** How long one socket of `/api/events` lasts; its watcher connects again and goes on. */
export const MAX_WATCH_MS = 60 * 60_000;

/** How many sockets `/api/events` has; of one sign-in, key or other credential. */
export const MAX_WATCHERS = 200;
export const MAX_WATCHERS_OF_ONE = 16;

/** How often an agent looks for VNC servers by itself. */
export const SCAN_INTERVAL_MS = 30_000;

/**
 * After this long without a byte from the VNC server the agent sends an empty binary message:
 * proxies keep the socket, and a dead leg is found.
 */
export const STREAM_KEEPALIVE_MS = 25_000;

/** A page that received nothing for this long takes the stream for dead and dials again. */
export const STREAM_SILENCE_MS = 60_000;

/** Life of a ticket. */
export const TICKET_TTL_MS = 60_000;

/** Life of a join token, and of the link that `npm start` prints. */
export const JOIN_TOKEN_TTL_MS = 60 * 60_000;

/** Longest life of the token that an agent signs for one dial (`exp` - `iat`). */
export const AGENT_TOKEN_TTL_S = 60;

/** Largest text message on a link or in a chat, and largest REST body. */
export const MAX_MESSAGE_BYTES = 64 * 1024;

/**
 * Largest WebSocket message an end takes on a stream. Client messages of RFB are small; the
 * largest is a clipboard, which TigerVNC itself cuts at 256 KiB.
 */
export const MAX_STREAM_MESSAGE_BYTES = 1024 * 1024;

/** Largest clipboard that passes to a VNC server; TigerVNC itself ignores a larger one. */
export const MAX_CLIPBOARD_BYTES = 256 * 1024;

export const MAX_VIEWERS_PER_SESSION = 32;
export const MAX_STREAMS_PER_HOST = 256;
/** So many of those places are for operators and admins alone, so that guests never keep them out. */
export const STAFF_PLACES_PER_SESSION = 4;
export const STAFF_PLACES_PER_HOST = 16;
/**
 * How often a guest, or a signed-in viewer, has one session open; all guests of one link together.
 * More than the tabs that somebody has: of a network that dropped the old streams are found late.
 */
export const MAX_STREAMS_PER_WATCHER = 6;
export const MAX_STREAMS_PER_LINK = 16;
export const MAX_NAME_CHARACTERS = 80;
/** Of a VNC server's password; VNC authentication itself looks at the first 8 bytes alone. */
export const MAX_VNC_PASSWORD_CHARACTERS = 255;
export const MAX_CHAT_TEXT_CHARACTERS = 4_000;

/** Longest URL of a job, as a browser writes it: with all escapes. */
export const MAX_JOB_URL_BYTES = 8 * 1024;
export const MAX_PROFILE_NAME_CHARACTERS = 40;
/** How long an agent has to say what a desktop printed. */
export const JOB_LOG_ANSWER_MS = 5_000;
/** How many jobs one batch has. */
export const MAX_BATCH_JOBS = 500;
/** Largest body of a batch: as many URLs, each as long as one can be. */
export const MAX_BATCH_BYTES = MAX_BATCH_JOBS * (MAX_JOB_URL_BYTES + 16);
/** How long a job waits for room at most. */
export const MAX_JOB_WAIT_S = 30 * 24 * 60 * 60;
/** How many jobs are queued or run at once, of all batches together. */
export const MAX_JOBS = 5_000;
/** The profile of a job that names none: every agent whose owner allows it has it built in. */
export const DEFAULT_PROFILE = "browser";
/** How long a desktop may take to start if the host's owner says nothing; and at most. */
export const DEFAULT_START_S = 60;
export const MAX_START_S = 60 * 60;
/** At most one for each of the ports 5900 to 5999. */
export const MAX_DESKTOPS_PER_HOST = 100;
/** Of what a desktop printed the first and the last are kept; as JSON they fit into one message. */
export const DESKTOP_LOG_HEAD_BYTES = 8 * 1024;
export const DESKTOP_LOG_TAIL_BYTES = 16 * 1024;

/** What one person may say to a room in the long run, in all of their tabs, and at once. */
export const CHAT_RATE_PER_S = 60;
export const CHAT_BURST = 120;

/**
 * How many sockets a room has; how many of those one person, and all the guests of one share link;
 * and how many are kept for staff, who could not come to remove anybody otherwise.
 */
export const MAX_ROOM_SOCKETS = 256;
export const MAX_ROOM_SOCKETS_PER_PERSON = 32;
export const MAX_ROOM_SOCKETS_PER_LINK = 128;
export const ROOM_SOCKETS_FOR_STAFF = 16;

export const DEFAULT_SESSION_TTL_S = 8 * 60 * 60;
export const MAX_SESSION_TTL_S = 30 * 24 * 60 * 60;

export const DEFAULT_LINK_TTL_S = 24 * 60 * 60;
export const MAX_LINKS_PER_SESSION = 100;

/** How many of a VNC server's security types are told; it may offer 255, none does. */
export const MAX_SECURITY_TYPES = 16;

/** How many addresses of its own a host tells: a machine full of containers has hundreds. */
export const MAX_ADDRESSES = 64;
/** Of one IP address as text. */
export const MAX_ADDRESS_CHARACTERS = 64;

/** How many hosts, or sessions, one page of a list holds. */
export const MAX_PAGE_ITEMS = 100;

/** How many lines one page of the audit holds, if the caller does not say; and at most. */
export const DEFAULT_AUDIT_PAGE_ITEMS = 50;
export const MAX_AUDIT_PAGE_ITEMS = 200;

/** Of the `next_cursor` that a list is read on from. */
export const MAX_CURSOR_CHARACTERS = 160;

/** Of an Idempotency-Key, in printable ASCII. */
export const MAX_IDEMPOTENCY_KEY_CHARACTERS = 255;
