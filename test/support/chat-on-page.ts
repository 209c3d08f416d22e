import type { Locator, Page } from "playwright-core";

/** The chat of a page, as a person reads and writes in it. */
export class ChatOnPage {
  readonly #page: Page;

  constructor(page: Page) {
    this.#page = page;
  }

  get field(): Locator {
    return this.#page.getByTestId("write");
  }

  /** Opens the panel beside a desktop. */
  async open(): Promise<void> {
    await this.#page.getByTestId("chat-tool").click();
    await this.#page.locator('[data-testid="chat"][data-link="here"]').waitFor();
  }

  async write(text: string): Promise<void> {
    await this.field.fill(text);
    await this.field.press("Enter");
  }

  /**
   * Waits until that is all it shows, in that order.
   * @param lastMark stands after the last text
   */
  async shows(texts: readonly string[], lastMark = ""): Promise<void> {
    const wanted = texts.map((text, index) => text + (index === texts.length - 1 ? lastMark : ""));
    const read = () =>
      this.#page.getByTestId("text").evaluateAll((found) => found.map((one) => one.textContent));
    try {
      await this.#page.waitForFunction(
        (wanted) => {
          const found = Array.from(document.querySelectorAll('[data-testid="text"]'));
          const texts = found.map((one) => one.textContent);
          return JSON.stringify(texts) === JSON.stringify(wanted);
        },
        wanted,
        { polling: 100 },
      );
    } catch (cause) {
      const found = JSON.stringify(await read());
      throw new Error(`The chat shows ${found}, not ${JSON.stringify(wanted)}.`, { cause });
    }
  }

  /**
   * Scrolls to the start of what is loaded, and waits for what comes before it.
   * @returns where the message of that text was on the screen, before and after
   */
  async scrollToStart(text: string): Promise<{ before: number; after: number }> {
    return this.#page.evaluate(async (text) => {
      const log = document.querySelector('[data-testid="log"]');
      const all = () => Array.from(document.querySelectorAll('[data-testid="text"]'));
      const top = () => {
        const found = all().find(({ textContent }) => textContent === text);
        return found?.getBoundingClientRect().top ?? Number.NaN;
      };
      const count = all().length;
      if (log) log.scrollTop = 0;
      const before = top();
      while (all().length === count) await new Promise(requestAnimationFrame);
      await new Promise(requestAnimationFrame);
      return { before, after: top() };
    }, text);
  }
}

type Switch = { away: boolean; rooms: Set<WebSocket>; others: Set<WebSocket> };

/** Lets a test cut a page off from its chat, or its desktop, alone; from its next load on. */
export async function roomSwitch(page: Page) {
  await page.addInitScript(() => {
    const rooms = new Set<WebSocket>();
    const others = new Set<WebSocket>();
    const state: Switch = { away: false, rooms, others };
    Object.assign(globalThis, { testRooms: state });
    // noVNC takes a WebSocket itself and none of a class made of it.
    globalThis.WebSocket = new Proxy(WebSocket, {
      construct(target, [url, ...rest]: [string | URL, ...string[]]) {
        const isRoom = String(url).includes("/chat-ws");
        const to = isRoom && state.away ? new URL("/nowhere", url) : url;
        const socket = Reflect.construct(target, [to, ...rest]);
        (isRoom ? rooms : others).add(socket);
        return socket;
      },
    });
  });
  const set = (away: boolean) =>
    page.evaluate((away) => {
      const { testRooms } = globalThis as unknown as { testRooms: Switch };
      testRooms.away = away;
      if (away) for (const room of testRooms.rooms) room.close();
    }, away);
  const dropDesktop = () =>
    page.evaluate(() => {
      const { testRooms } = globalThis as unknown as { testRooms: Switch };
      for (const socket of testRooms.others) socket.close();
    });
  return { cut: () => set(true), mend: () => set(false), dropDesktop };
}
