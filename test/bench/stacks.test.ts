import { describe, expect, it } from "vitest";
import { KINDS, type Kind, kindOf, stacksOf } from "../../bench/chat/stacks.ts";

/** As `perf script -F ip,sym,dso` prints them, of workerd and of Node. */
const PRINTED = `
	ffffffff81a0b5ab ext4_sync_file ([kernel.kallsyms])
	ffffffff8177a1c4 __x64_sys_fsync ([kernel.kallsyms])
	         3b5cb15 workerd::ActorSqlite::startImplicitTxnImpl (/usr/bin/workerd)

	ffffffff82033798 tcp_v4_rcv ([kernel.kallsyms])
	ffffffff81e43211 __x64_sys_sendto ([kernel.kallsyms])
	         5fb2fa8 kj::(anonymous namespace)::WebSocketImpl::send (/usr/bin/workerd)

	         36b04e2 workerd::api::LegacyWebSocketAdapter::ensurePumping (/usr/bin/workerd)
	    558ee02c2f61 [unknown] (/tmp/perf-24342.map)

	         4a11e84 v8::internal::ScavengerCollector::CollectGarbage (/usr/bin/workerd)
	         402e084 Builtins_ArrayMap (/usr/bin/workerd)

	    558ee02c2f61 [unknown] ([JIT] tid 4711)
	         3f2d89c Builtins_JSEntryTrampoline (/usr/bin/node)

	         5fb2fa8 kj::_::waitImpl (/usr/bin/workerd)

`;

describe("what a stack was doing", () => {
  it("is said by its innermost function that says it, for every kind", () => {
    const kinds: Kind[] = ["storage", "network", "frames", "garbage", "javascript", "rest"];
    expect(stacksOf(PRINTED).map(kindOf)).toEqual(kinds);
    expect(kinds).toEqual(KINDS.map(({ id }) => id));
  });

  it("is nothing where nothing was printed", () => {
    expect(stacksOf("")).toEqual([]);
  });
});
