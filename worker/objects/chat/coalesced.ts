/**
 * Does something at once, but at most once in a while: what is asked for in between is done
 * together at its end. For what everybody in a room is told, and many cause.
 */
export class Coalesced {
  readonly #everyMs: () => number;
  readonly #run: () => void;
  #ranAt = 0;
  #waiting = false;

  constructor(everyMs: () => number, run: () => void) {
    this.#everyMs = everyMs;
    this.#run = run;
  }

  ask(): void {
    if (this.#waiting) return;
    const wait = this.#ranAt + this.#everyMs() - Date.now();
    if (wait <= 0) return this.#now();
    this.#waiting = true;
    setTimeout(() => this.#now(), wait);
  }

  #now(): void {
    this.#waiting = false;
    this.#ranAt = Date.now();
    this.#run();
  }
}
