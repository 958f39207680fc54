/**
 * How many connections an address may hold, and how fast it may open them. A class behind one router shares an address, so the
 * bounds are far above what people do and far below what a flood needs. It knows no sockets and reads no clock.
 */

const MAX_OPEN = 4096;
/** Connections that may be opened at once after a quiet time, and how many more a second. */
const BURST = 1024;
const PER_SECOND = 128;
/** Addresses are forgotten after they have been quiet for so long, with nothing open. */
const FORGET_MS = 60_000;

interface Guest {
  open: number;
  /** What is left of the burst at `at`. */
  allowance: number;
  at: number;
}

export class Guests {
  readonly #guests = new Map<string, Guest>();
  #sweptAt = 0;

  /** Whether one more connection from `address` may come in; if so, `leave` is owed. @param now milliseconds */
  enter(address: string, now: number): boolean {
    this.#sweep(now);
    const guest = this.#guests.get(address) ?? { open: 0, allowance: BURST, at: now };
    this.#guests.set(address, guest);
    guest.allowance = Math.min(BURST, guest.allowance + ((now - guest.at) / 1000) * PER_SECOND);
    guest.at = now;
    if (guest.open >= MAX_OPEN || guest.allowance < 1) return false;
    guest.allowance--;
    guest.open++;
    return true;
  }

  leave(address: string): void {
    const guest = this.#guests.get(address);
    if (guest !== undefined) guest.open--;
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < FORGET_MS) return;
    this.#sweptAt = now;
    for (const [address, { open, at }] of this.#guests)
      if (open === 0 && now - at > FORGET_MS) this.#guests.delete(address);
  }
}
