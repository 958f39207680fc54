/**
 * How many connections there may be: of one address, how fast it may open them, and in all. Whoever has not said who it is
 * makes way for newcomers when there are too many. It knows no sockets and reads no clock.
 */
import { BURST, FORGET_ADDRESS_MS, MAX_CONNECTIONS, MAX_PER_ADDRESS, PER_SECOND } from './limits.ts';

interface Network {
  open: number;
  /** What is left of the burst at `at`. */
  allowance: number;
  at: number;
}

/** One connection that was let in. */
export class Guest {
  readonly network: string;
  readonly end: () => void;
  readonly #guests: Guests;

  constructor(network: string, end: () => void, guests: Guests) {
    this.network = network;
    this.end = end;
    this.#guests = guests;
  }

  /** It has said who it is, and does not have to make way any more. */
  welcome(): void {
    this.#guests.welcome(this);
  }

  /** To be told when the connection is closed; however often. */
  leave(): void {
    this.#guests.leave(this);
  }
}

export class Guests {
  readonly #networks = new Map<string, Network>();
  readonly #all = new Set<Guest>();
  /** The oldest first. */
  readonly #strangers = new Set<Guest>();
  #sweptAt = 0;

  /**
   * Lets one more connection in, if there may be one.
   * @param now milliseconds
   * @param end ends the connection, if it has to make way
   */
  enter(address: string, now: number, end: () => void): Guest | null {
    const network = networkOf(address);
    this.#sweep(now);
    const from = this.#networks.get(network) ?? { open: 0, allowance: BURST, at: now };
    this.#networks.set(network, from);
    from.allowance = Math.min(BURST, from.allowance + ((now - from.at) / 1000) * PER_SECOND);
    from.at = now;
    if (from.open >= MAX_PER_ADDRESS || from.allowance < 1) return null;
    from.allowance--;
    if (this.#all.size >= MAX_CONNECTIONS && !this.#makeWay()) return null;
    from.open++;
    const guest = new Guest(network, end, this);
    this.#all.add(guest);
    this.#strangers.add(guest);
    return guest;
  }

  welcome(guest: Guest): void {
    this.#strangers.delete(guest);
  }

  leave(guest: Guest): void {
    this.#strangers.delete(guest);
    if (!this.#all.delete(guest)) return;
    const from = this.#networks.get(guest.network);
    if (from !== undefined) from.open--;
  }

  /** Turns out the stranger that has been there for the longest. @returns false if there is none */
  #makeWay(): boolean {
    const [oldest] = this.#strangers;
    if (oldest === undefined) return false;
    oldest.leave();
    oldest.end();
    return true;
  }

  #sweep(now: number): void {
    if (now - this.#sweptAt < FORGET_ADDRESS_MS) return;
    this.#sweptAt = now;
    for (const [network, { open, at }] of this.#networks)
      if (open === 0 && now - at > FORGET_ADDRESS_MS) this.#networks.delete(network);
  }
}

/** Whom an address belongs to, as far as it tells: of IPv6, everybody is given 2^64 addresses. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address;
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0');
  return [...before, ...zeros, ...after].slice(0, 4).join(':');
}
