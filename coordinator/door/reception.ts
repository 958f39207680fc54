/**
 * Everybody who is at the door: lets connections in, keeps them alive, and shows all of them out at the end. What one of them
 * says is peer.ts's; what carries it (a WebSocket, a simulation) is its link's. It knows no sockets and no timers of its own.
 */
import type { Cancel, Clock } from '../../core/clock.ts';
import { Guests } from './guests.ts';
import type { PeerLink, PeerLinkEvents } from './link.ts';
import { Peer, type PeerOptions } from './peer.ts';
import { StateCache } from './stateCache.ts';

const PING_MS = 5000;
const NEWS_MS = 1000;

export class Reception {
  readonly #options: PeerOptions;
  readonly #clock: Clock;
  readonly #states = new StateCache();
  readonly #guests = new Guests();
  readonly #peers = new Set<Peer>();
  readonly #timers: readonly Cancel[];

  constructor(options: PeerOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#timers = [
      clock.every(PING_MS, () => this.#each((peer) => peer.ping())),
      clock.every(NEWS_MS, () => this.#each((peer) => peer.tellNews())),
    ];
  }

  /** Whether one more connection from `address` may come in, whatever it is for; if so, `leave` is owed. */
  enter(address: string): boolean {
    return this.#guests.enter(address, this.#clock.now());
  }

  leave(address: string): void {
    this.#guests.leave(address);
  }

  /** Takes a worker's link that has just opened; it is to tell what this returns. */
  accept(link: PeerLink): PeerLinkEvents {
    const peer = new Peer(link, this.#options, this.#states, this.#clock);
    this.#peers.add(peer);
    return {
      received: (frame, isBinary) => peer.received(frame, isBinary),
      pong: () => peer.pong(),
      closed: (reason) => {
        this.#peers.delete(peer);
        peer.closed(reason);
      },
    };
  }

  /** Sends away whoever's token counts no more, or for something else. */
  recheck(): void {
    this.#each((peer) => peer.recheck());
  }

  /** Sends all workers away. Resolves when their links are closed, or were ended for taking too long. */
  async close(finished: boolean): Promise<void> {
    for (const cancel of this.#timers) cancel();
    await Promise.all(Array.from(this.#peers, (peer) => peer.dismiss(finished)));
  }

  #each(call: (peer: Peer) => void): void {
    for (const peer of this.#peers) call(peer);
  }
}
