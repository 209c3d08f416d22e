/** A download with the server writing so many bytes at a time, and the rows that tell of it. */
export type WriteSize = {
  writeBytes: number;
  name: string;
  throughput: RowId;
  cpu: RowId;
};

export const WRITE_SIZES: readonly WriteSize[] = [
  { writeBytes: 1_460, name: "1,460 B", throughput: "throughput_1460", cpu: "cpu_1460" },
  { writeBytes: 16 * 1024, name: "16 KiB", throughput: "throughput_16k", cpu: "cpu_16k" },
  { writeBytes: 64 * 1024, name: "64 KiB", throughput: "throughput_64k", cpu: "cpu_64k" },
];

/** The table's rows in their order. MB and GB are powers of ten. */
export const ROWS = [
  { id: "round_trip_p50_ms", name: "round trip p50", unit: "ms", digits: 3 },
  { id: "round_trip_p99_ms", name: "round trip p99", unit: "ms", digits: 3 },
  { id: "throughput_1460", name: "throughput, writes of 1,460 B", unit: "MB/s", digits: 0 },
  { id: "throughput_16k", name: "throughput, writes of 16 KiB", unit: "MB/s", digits: 0 },
  { id: "throughput_64k", name: "throughput, writes of 64 KiB", unit: "MB/s", digits: 0 },
  { id: "cpu_1460", name: "CPU, writes of 1,460 B", unit: "s/GB", digits: 2 },
  { id: "cpu_16k", name: "CPU, writes of 16 KiB", unit: "s/GB", digits: 2 },
  { id: "cpu_64k", name: "CPU, writes of 64 KiB", unit: "s/GB", digits: 2 },
  { id: "first_byte_ms", name: "dial to first RFB byte", unit: "ms", digits: 1 },
  { id: "stalled_sent_mb", name: "viewer stalls: host had sent", unit: "MB", digits: 1 },
  { id: "stalled_growth_mb", name: "viewer stalls: memory grew by", unit: "MB", digits: 1 },
] as const;

export type RowId = (typeof ROWS)[number]["id"];
