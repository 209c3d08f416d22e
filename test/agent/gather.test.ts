import { describe, expect, it } from "vitest";
import { Gather } from "../../agent/gather.ts";

const KIB = 1024;

describe("gathering small reads", () => {
  it("lets a server rest that sends much in small pieces", () => {
    const gather = new Gather();
    const wanted = Array.from({ length: 70 }, () => gather.wants(KIB, 10));
    expect(wanted.indexOf(true)).toBe(63);
  });

  it("never lets one wait that is slower than a bulk transfer", () => {
    const gather = new Gather();
    for (let ms = 0; ms < 1_000; ms += 2) expect(gather.wants(60 * KIB, ms)).toBe(false);
  });

  it("does not let one rest whose pieces are large already", () => {
    const gather = new Gather();
    for (let n = 0; n < 100; n++) expect(gather.wants(64 * KIB, 10)).toBe(false);
  });

  it("lets a server rest as soon as it has been read empty, however large the reads before were", () => {
    const gather = new Gather();
    for (let n = 0; n < 10; n++) expect(gather.wants(64 * KIB, 10)).toBe(false);
    expect(gather.wants(3 * KIB, 10)).toBe(true);
  });

  it("rests until it says that it is over", async () => {
    const gather = new Gather();
    await new Promise<void>((resolve) => {
      gather.rest(() => {
        expect(gather.resting).toBe(false);
        resolve();
      });
      expect(gather.resting).toBe(true);
    });
  });
});
