import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { makeTabStorage, type TabStorage } from "../../web/chat/tab-storage.ts";
import { memoryStorage } from "./chat-tab.ts";

beforeEach(() => {
  vi.spyOn(console, "warn").mockReturnValue();
});

afterEach(() => {
  vi.restoreAllMocks();
});

it("a tab's storage is the browser's", () => {
  const browsers = memoryStorage();
  makeTabStorage(() => browsers).setItem("a", "1");
  expect(browsers.getItem("a")).toBe("1");
  const storage = makeTabStorage(() => browsers);
  expect(storage.getItem("a")).toBe("1");
  storage.removeItem("a");
  expect(browsers.getItem("a")).toBeNull();
});

it("a tab whose storage is forbidden keeps all as long as the page is there", () => {
  const storage = makeTabStorage(() => {
    throw new DOMException("The operation is insecure.", "SecurityError");
  });
  expect(storage.getItem("a")).toBeNull();
  storage.setItem("a", "1");
  expect(storage.getItem("a")).toBe("1");
  storage.removeItem("a");
  expect(storage.getItem("a")).toBeNull();
});

it("what a full storage does not take is kept, and what was there before does not come back", () => {
  const browsers = memoryStorage();
  const full: TabStorage = {
    ...browsers,
    setItem(key, value) {
      if (value.length > 3) throw new DOMException("Full", "QuotaExceededError");
      browsers.setItem(key, value);
    },
  };
  const storage = makeTabStorage(() => full);
  storage.setItem("a", "old");
  storage.setItem("a", "longer");
  expect(storage.getItem("a")).toBe("longer");
  expect(browsers.getItem("a")).toBeNull();
  storage.setItem("a", "new");
  expect(storage.getItem("a")).toBe("new");
  expect(browsers.getItem("a")).toBe("new");
});
