/**
 * How long workers that did wrong are to stay away: twice as long with each offence, so that a broken one costs little and one
 * that was unlucky is soon back. They are known by a key (peer.ts). It knows no sockets and reads no clock.
 */
import type { CloseCause } from '../../core/protocol/work.ts';
import { COOL_DOWN_MS, FORGIVE_MS, MAX_COOL_DOWN_MS, MAX_REMEMBERED } from './limits.ts';

export type Offence = Extract<CloseCause, 'misbehaved' | 'lied'>;

interface Record {
  readonly offences: number;
  /** When it may come back. */
  readonly until: number;
}

export class CoolDowns {
  /** Those who offended last are the last. */
  readonly #records = new Map<string, Record>();
  readonly #dismissed = new Set<string>();

  /** @param now milliseconds @returns how long it is to stay away, in milliseconds */
  offend(key: string, offence: Offence, now: number): number {
    const record = this.#find(key, now) ?? { offences: 0, until: now };
    const ms = Math.min(MAX_COOL_DOWN_MS, COOL_DOWN_MS[offence] * 2 ** record.offences);
    // The last in the map.
    this.#records.delete(key);
    this.#records.set(key, { offences: record.offences + 1, until: Math.max(record.until, now + ms) });
    const [oldest] = this.#records.keys();
    if (this.#records.size > MAX_REMEMBERED && oldest !== undefined) this.#records.delete(oldest);
    return ms;
  }

  /** It is not to come back at all. */
  dismiss(key: string): void {
    this.#dismissed.add(key);
  }

  /** How long it still has to stay away, in milliseconds: 0 if not at all, infinite for one that was dismissed. */
  left(key: string, now: number): number {
    if (this.#dismissed.has(key)) return Number.POSITIVE_INFINITY;
    return Math.max(0, (this.#find(key, now)?.until ?? 0) - now);
  }

  #find(key: string, now: number): Record | undefined {
    const record = this.#records.get(key);
    if (record === undefined || now - record.until <= FORGIVE_MS) return record;
    this.#records.delete(key);
    return undefined;
  }
}
