/**
 * How many of something a second, over the last few seconds, in constant time and memory. Where events come seldom, over the
 * time since the last few of them. It reads no clock: times are given.
 */

/** The window, and how finely it is cut. */
const WINDOW_MS = 5000;
const GRAIN_MS = 250;
const PLACES = WINDOW_MS / GRAIN_MS + 2;

export class Rate {
  /** Some past events, a ring: when, and how many and how much had come by then. */
  readonly #at = new Float64Array(PLACES);
  readonly #events = new Float64Array(PLACES);
  readonly #amounts = new Float64Array(PLACES);
  #kept = 0;
  #next = 0;
  #lastAt = 0;
  #count = 0;
  #amount = 0;

  /** Counting begins, or begins anew. */
  begin(now: number): void {
    this.#kept = 0;
    this.#lastAt = now;
    this.#keep(now);
  }

  /** So much has come. The first call only begins the counting, unless `begin` has. */
  add(amount: number, now: number): void {
    if (this.#kept === 0) return this.begin(now);
    this.#count++;
    this.#amount += amount;
    this.#lastAt = now;
    if (now - (this.#at[this.#latest] as number) >= GRAIN_MS) this.#keep(now);
  }

  /** Null before two events. */
  perSecond(now: number): number | null {
    // The newest kept one that is at least a window old, else the oldest; and never the very last event itself.
    let from = -1;
    for (let age = 0; age < this.#kept; age++) {
      const at = (this.#latest - age + PLACES) % PLACES;
      if ((this.#events[at] as number) === this.#count) continue;
      from = at;
      if (now - (this.#at[at] as number) >= WINDOW_MS) break;
    }
    if (from === -1) return null;
    const begun = this.#at[from] as number;
    const usual = (this.#lastAt - begun) / (this.#count - (this.#events[from] as number));
    // An event that is longer in coming than usual shows; a wait that is not is no part of the rate.
    const until = now - this.#lastAt > usual ? now : this.#lastAt;
    const ms = until - begun;
    return ms > 0 ? ((this.#amount - (this.#amounts[from] as number)) / ms) * 1000 : null;
  }

  get #latest(): number {
    return (this.#next - 1 + PLACES) % PLACES;
  }

  #keep(now: number): void {
    this.#at[this.#next] = now;
    this.#events[this.#next] = this.#count;
    this.#amounts[this.#next] = this.#amount;
    this.#next = (this.#next + 1) % PLACES;
    this.#kept = Math.min(this.#kept + 1, PLACES);
  }
}
