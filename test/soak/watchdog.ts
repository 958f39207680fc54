/** Bites when nobody has patted it for a minute. */
export const PATIENCE_MS = 60_000;

export class Watchdog {
  readonly bites: Promise<never>;
  readonly #timer: NodeJS.Timeout;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.bites = promise;
    this.#timer = setTimeout(() => reject(new Error('a minute passed without a step')), PATIENCE_MS);
  }

  pat(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
