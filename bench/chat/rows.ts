/** How many members the rooms have that messages are delivered to. */
export const ROOM_SIZES = [
  { members: 1, row: "rate_1" },
  { members: 20, row: "rate_20" },
  { members: 200, row: "rate_200" },
] as const;

/** The table's rows in their order. KB are powers of ten. */
export const CHAT_ROWS = [
  { id: "rate_1", name: "messages a second, to 1 member", unit: "/s", digits: 0 },
  { id: "rate_20", name: "messages a second, to 20 members", unit: "/s", digits: 0 },
  { id: "rate_200", name: "messages a second, to 200 members", unit: "/s", digits: 0 },
  { id: "loaded_p50_ms", name: "send to receipt, 20 at full load, p50", unit: "ms", digits: 2 },
  { id: "loaded_p99_ms", name: "send to receipt, 20 at full load, p99", unit: "ms", digits: 2 },
  { id: "receipt_p50_ms", name: "send to receipt, 20 at 200/s, p50", unit: "ms", digits: 2 },
  { id: "receipt_p99_ms", name: "send to receipt, 20 at 200/s, p99", unit: "ms", digits: 2 },
  { id: "cpu_ms", name: "CPU a message, 20 at 200/s", unit: "ms", digits: 2 },
  { id: "member_kb", name: "memory an idle member", unit: "KB", digits: 0 },
] as const;

export type ChatRowId = (typeof CHAT_ROWS)[number]["id"];
