/**
 * Everybody who is at the door: lets connections in, looks after them, and shows all of them out at the end. What one of them
 * says is peer.ts's; what carries it (a WebSocket, a simulation) is its link's. It knows no sockets and no timers of its own.
 */
import { randomBytes } from 'node:crypto';
import type { Cancel, Clock } from '../../core/clock.ts';
import { SpareMemory } from '../../core/protocol/spareMemory.ts';
import { CoolDowns } from './coolDowns.ts';
import { type Guest, Guests } from './guests.ts';
import { NEWS_MS, PING_MS } from './limits.ts';
import type { PeerLink, PeerLinkEvents } from './link.ts';
import { type House, Peer, type PeerOptions } from './peer.ts';
import { Snapshots } from './snapshots.ts';

export class Reception {
  readonly #house: House;
  readonly #guests = new Guests();
  readonly #peers = new Set<Peer>();
  readonly #timers: readonly Cancel[];
  #isClosed = false;

  /** @param nonce what no other coordinator is known by, nor this one in another life; drawn if left out */
  constructor(options: PeerOptions, clock: Clock, nonce = randomBytes(9).toString('base64url')) {
    const [snapshots, coolDowns, memory] = [new Snapshots(nonce), new CoolDowns(), new SpareMemory()];
    this.#house = { options, clock, snapshots, coolDowns, memory };
    this.#timers = [
      clock.every(PING_MS, () => this.#each((peer) => peer.ping())),
      clock.every(NEWS_MS, () => this.#each((peer) => peer.tellNews())),
    ];
  }

  /**
   * Lets one more connection in, whatever it is for, if there may be one.
   * @param end ends the connection, if it has to make way for others
   */
  enter(address: string, end: () => void): Guest | null {
    return this.#guests.enter(address, this.#house.clock.now(), end);
  }

  /**
   * Takes a worker's link that has just opened; it is to tell what this returns.
   * @param guest its connection, if that was let in before
   */
  accept(link: PeerLink, guest?: Guest): PeerLinkEvents {
    const visit = guest ?? this.enter(link.address, () => link.end());
    if (visit === null) {
      link.end();
      return { received: () => {}, pong: () => {}, malformed: () => {}, closed: () => {} };
    }
    const peer = new Peer(link, visit, this.#house);
    this.#peers.add(peer);
    if (this.#isClosed) void peer.dismiss(false);
    return {
      received: (frame, isBinary) => peer.received(frame, isBinary),
      pong: () => peer.pong(),
      malformed: (what) => peer.malformed(what),
      closed: (reason) => {
        this.#peers.delete(peer);
        visit.leave();
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
    this.#isClosed = true;
    for (const cancel of this.#timers) cancel();
    await Promise.all(Array.from(this.#peers, (peer) => peer.dismiss(finished)));
  }

  #each(call: (peer: Peer) => void): void {
    for (const peer of this.#peers) call(peer);
  }
}
