import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { KINDS, type Kind, readSamples } from "../../bench/chat/stacks.ts";

/** As `perf script -F tid,time,event,trace,ip,sym,dso` prints them, of workerd and of Node. */
const PRINTED = `4711 55265.423323: cpu-clock/period=500250/: 
	ffffffff81a0b5ab ext4_sync_file ([kernel.kallsyms])
	ffffffff8177a1c4 __x64_sys_fsync ([kernel.kallsyms])
	         3b5cb15 workerd::ActorSqlite::startImplicitTxnImpl (/usr/bin/workerd)

 4711 55265.423820: cpu-clock/period=500250/: 
	ffffffff82033798 tcp_v4_rcv ([kernel.kallsyms])
	ffffffff81e43211 __x64_sys_sendto ([kernel.kallsyms])
	         5fb2fa8 kj::(anonymous namespace)::WebSocketImpl::send (/usr/bin/workerd)

 4711 55265.423821: cpu-clock/period=500250/: 
	         36b04e2 workerd::api::LegacyWebSocketAdapter::ensurePumping (/usr/bin/workerd)
	    558ee02c2f61 [unknown] (/tmp/perf-24342.map)

 4711 55265.423822: cpu-clock/period=500250/: 
	         4a11e84 v8::internal::ScavengerCollector::CollectGarbage (/usr/bin/workerd)
	         402e084 Builtins_ArrayMap (/usr/bin/workerd)

 4711 55265.423823: cpu-clock/period=500250/: 
	    558ee02c2f61 [unknown] ([JIT] tid 4711)
	         3f2d89c Builtins_JSEntryTrampoline (/usr/bin/node)

 4711 55265.423824: cpu-clock/period=500250/: 
	         5fb2fa8 kj::_::waitImpl (/usr/bin/workerd)

`;

const read = (printed: string) => readSamples(createInterface({ input: Readable.from([printed]) }));

describe("what a stack was doing", () => {
  it("is said by its innermost function that says it, for every kind", async () => {
    const kinds: Kind[] = ["storage", "network", "frames", "garbage", "javascript", "rest"];
    expect((await read(PRINTED)).map(({ kind }) => kind)).toEqual(kinds);
    expect(kinds).toEqual(KINDS.map(({ id }) => id));
  });

  it("is nothing where nothing was printed", async () => {
    expect(await read("")).toEqual([]);
  });
});

describe("a sample", () => {
  it("says of which thread it is, and when it was taken", async () => {
    expect((await read(PRINTED))[0]).toMatchObject({
      thread: 4711,
      at: expect.closeTo(55_265_423.323),
      off: null,
    });
  });

  it("says of a thread that goes off its core why, and who comes on it", async () => {
    const said =
      "prev_comm=a: (b) prev_pid=4711 prev_prio=120 prev_state=R+ ==> next_comm=kworker/0:1";
    const printed = `4711 1.000001:       sched:sched_switch: ${said} next_pid=18 next_prio=0
\tffffffff821f8298 __schedule ([kernel.kallsyms])

`;
    const off = { next: 18, state: "R+" };
    const at = expect.closeTo(1000.001);
    expect(await read(printed)).toEqual([{ thread: 4711, at, kind: "rest", off }]);
  });
});
