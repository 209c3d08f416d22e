export type LogEvent = { event: string } & Record<string, unknown>;

/** The structured log of a part, to wait on instead of on the clock. */
export class EventLog {
  readonly events: LogEvent[] = [];
  readonly #waiting = new Set<() => void>();

  add(event: LogEvent): void {
    this.events.push(event);
    for (const check of this.#waiting) check();
  }

  /** One line of a structured log; a line that is not JSON becomes the event `line`. */
  addLine(line: string): void {
    try {
      this.add(JSON.parse(line) as LogEvent);
    } catch {
      this.add({ event: "line", line });
    }
  }

  /**
   * Waits until an event has happened, also if it was before the call.
   * @param fields what it must carry
   */
  waitFor(event: string, fields: Record<string, unknown> = {}, count = 1): Promise<LogEvent> {
    return new Promise((resolve) => {
      const check = () => {
        const matching = this.events.filter(
          (candidate) =>
            candidate.event === event &&
            Object.entries(fields).every(([key, value]) => candidate[key] === value),
        );
        const found = matching[count - 1];
        if (!found) return;
        this.#waiting.delete(check);
        resolve(found);
      };
      this.#waiting.add(check);
      check();
    });
  }
}
