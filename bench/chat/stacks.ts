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

/** The stacks that `perf script -F ip,sym,dso` prints: a line for each function, then an empty one. */
export function stacksOf(script: string): string[][] {
  return script
    .split(/\n\s*\n/)
    .map((stack) =>
      stack.split("\n").flatMap((line) => /^\s*[0-9a-f]+ (.+)$/.exec(line)?.[1] ?? []),
    )
    .filter((stack) => stack.length > 0);
}
