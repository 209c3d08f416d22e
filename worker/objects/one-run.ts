/**
 * Does one thing after another until nothing is left to do. There is one such run at a time: who asks
 * meanwhile has the one that there is, and what they want done is done in it.
 */
export class OneRun {
  #running: Promise<void> | null = null;

  /**
   * @param next begins the next thing; null if nothing is left. It looks and begins in one turn
   * @throws {Error} what one of them threw; the rest is not begun
   */
  all(next: () => Promise<void> | null): Promise<void> {
    this.#running ??= this.#all(next);
    return this.#running;
  }

  async #all(next: () => Promise<void> | null): Promise<void> {
    await null; // so that #running is set before this can end
    try {
      for (let doing = next(); doing; doing = next()) await doing;
    } finally {
      // In the same turn as the last look: whatever comes to be after it starts anew.
      this.#running = null;
    }
  }
}
