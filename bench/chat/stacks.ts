/** What a server's processor is doing, as its call stacks tell. */
export const KINDS = [
  { id: "storage", name: "storage: SQLite and the file system" },
  { id: "network", name: "network: the system's calls for sockets" },
  { id: "frames", name: "a frame to each socket, in the runtime" },
  { id: "garbage", name: "garbage collection" },
  { id: "javascript", name: "JavaScript, and what it calls" },
  { id: "rest", name: "the rest" },
] as const;

export type Kind = (typeof KINDS)[number]["id"];

/** By the first function, from the innermost on, that one of these knows. */
const SIGNS: readonly { kind: Kind; sign: RegExp }[] = [
  {
    kind: "storage",
    sign: /sqlite|Sqlite|x64_sys_(fsync|fdatasync|p(read|write)64|ftruncate|fcntl|unlink)/,
  },
  {
    kind: "network",
    sign: /x64_sys_(send|recv|write|read|epoll|poll|shutdown|close)|net_rx_action/,
  },
  {
    kind: "garbage",
    sign: /v8::internal::(Heap::|Scaveng|MarkCompact|Sweep|.*Marking)|cppgc::internal::(Mark|Sweep|Heap)/,
  },
  // workerd gives a frame to a socket, then comes back into the isolate to say that it did.
  {
    kind: "frames",
    sign: /WebSocketAdapter|WebSocketPipe|WebSocketImpl|kj_hyper|runSingle<workerd::IoContext::awaitIo/,
  },
];

/** What was compiled has no name: `[unknown] (/tmp/perf-4711.map)` or `[unknown] ([JIT] tid 4711)`. */
const JAVASCRIPT = /^Builtins_|^\[unknown\] \((\/tmp\/perf-|\[JIT\]|\/\/anon)|^v8::Function::Call/;

/** @param frames the functions of a stack, the innermost first */
export function kindOf(frames: readonly string[]): Kind {
  for (const frame of frames) {
    const known = SIGNS.find(({ sign }) => sign.test(frame));
    if (known) return known.kind;
  }
  return frames.some((frame) => JAVASCRIPT.test(frame)) ? "javascript" : "rest";
}

/** One look at a thread that runs, or at one that goes off its core. */
export type Sample = {
  thread: number;
  /** In ms, on the clock that perf was told to take. */
  at: number;
  kind: Kind;
  /** Of one that goes off: who comes on, and in which state it is (ps(1): R would run, D waits for a disk). */
  off: { next: number; state: string } | null;
};

/**
 * Reads what `perf script -F tid,time,event,trace,ip,sym,dso` prints of `cpu-clock` and
 * `sched:sched_switch`: for each a line with the thread, the time in s, the event and what there is to
 * say of it, one for each function, then an empty one.
 */
export async function readSamples(lines: AsyncIterable<string>): Promise<Sample[]> {
  const samples: Sample[] = [];
  let head: Omit<Sample, "kind"> | null = null;
  let frames: string[] = [];
  const take = () => {
    if (head) samples.push({ ...head, kind: kindOf(frames) });
    [head, frames] = [null, []];
  };
  for await (const line of lines) {
    const frame = head && /^\s+[0-9a-f]+ (.+)$/.exec(line)?.[1];
    if (frame) frames.push(frame);
    else {
      take();
      head = readHead(line);
    }
  }
  take();
  return samples;
}

function readHead(line: string): Omit<Sample, "kind"> | null {
  const [, thread, seconds, said = ""] = /^\s*(\d+)\s+([\d.]+):(.*)/.exec(line) ?? [];
  if (thread === undefined || seconds === undefined) return null;
  const [, state, next] = /prev_state=(\S+) ==> .*next_pid=(\d+)/.exec(said) ?? [];
  const off = state === undefined ? null : { next: Number(next), state };
  return { thread: Number(thread), at: Number(seconds) * 1000, off };
}
