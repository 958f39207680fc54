/** Whether a peer lives and does no harm, by what has come of it between two looks. What is to follow is peer.ts's. */
import { LEAST_BYTES_PER_SECOND, MAX_OVERHEAD_BYTES, MESSAGE_MS, MISSED_PINGS } from './limits.ts';

/** `dead`: nothing came or went for too long; `flood`: far more than messages did; `stuck`: a message was begun and does not go on. */
export type Finding = 'dead' | 'flood' | 'stuck';

export class Pulse {
  #missed = 0;
  /** Bytes that had come, and left, at the last look; and came since then in whole frames. */
  #heard = 0;
  #left = 0;
  #framed = 0;
  /** Messages that came whole; and how many there were, and how far the next had come, when it was last found to go on. */
  #messages = 0;
  #went = { messages: -1, bytes: 0, at: 0 };

  frame(bytes: number): void {
    this.#framed += bytes;
  }

  message(): void {
    this.#messages++;
  }

  /**
   * To be called every PING_MS.
   * @param received bytes that have come so far @param left bytes that the peer has taken so far
   * @param pending of those that have come, in the message under way; null if there is none
   */
  look(now: number, received: number, left: number, pending: number | null): Finding | null {
    const came = received - this.#heard;
    const framed = this.#framed;
    const isSilent = came === 0 && left === this.#left;
    this.#heard = received;
    this.#left = left;
    this.#framed = 0;
    this.#missed = isSilent ? this.#missed + 1 : 0;
    if (this.#missed >= MISSED_PINGS) return 'dead';
    // An encrypted link counts what its encryption adds.
    if (came > framed * 1.1 + MAX_OVERHEAD_BYTES) return 'flood';
    return pending !== null && this.#isStuck(now, pending) ? 'stuck' : null;
  }

  #isStuck(now: number, bytes: number): boolean {
    const { messages, bytes: before, at } = this.#went;
    if (messages === this.#messages) {
      if (now - at < MESSAGE_MS) return false;
      if ((bytes - before) * 1000 < LEAST_BYTES_PER_SECOND * (now - at)) return true;
    }
    this.#went = { messages: this.#messages, bytes, at: now };
    return false;
  }
}
