/**
 * States as they are sent: one encoding of each, and one hash, for all peers. An encoding lives as long as its state is the
 * current one or somebody is being sent it, within a bound on those of earlier states.
 */

import { type Hello, MAX_KEPT, stateHash } from '../../core/protocol/messages.ts';
import { encodeState, PIECE_VALUES } from '../../core/protocol/statePieces.ts';
import type { State } from '../../core/protocol/work.ts';
import { MAX_OUTDATED_BYTES } from './limits.ts';

/** A state's pieces, copied when it was current. */
export class Snapshot {
  readonly id: string;
  readonly version: number;
  readonly bytes: number;
  /** None any more once it has been given up. */
  #frames: readonly Uint8Array[];
  /** Peers to which it is under way. */
  receivers = 0;

  constructor(state: State, id: string) {
    this.id = id;
    this.version = state.version;
    this.#frames = encodeState(state, id);
    this.bytes = this.#frames.reduce((n, { byteLength }) => n + byteLength, 0);
  }

  get frames(): readonly Uint8Array[] {
    return this.#frames;
  }

  giveUp(): void {
    this.#frames = [];
  }
}

type Holds = Hello['holds'];

export class Snapshots {
  readonly #nonce: string;
  readonly #maxOutdatedBytes: number;
  #current: Snapshot | null = null;
  /** Those of earlier states that are under way, oldest first. */
  #outdated: Snapshot[] = [];
  #hashed = '';
  #hash = '';

  /** @param nonce no other coordinator's, nor this one's in another life */
  constructor(nonce: string, maxOutdatedBytes = MAX_OUTDATED_BYTES) {
    this.#nonce = nonce;
    this.#maxOutdatedBytes = maxOutdatedBytes;
  }

  /** The snapshot of a state that is current. */
  of(state: State): Snapshot {
    const id = this.#idOf(state);
    if (this.#current?.id === id) return this.#current;
    if (this.#current !== null) this.#retire(this.#current);
    this.#current = new Snapshot(state, id);
    return this.#current;
  }

  /** Whether a worker that says that it `holds` a state holds this one. */
  isHeld(holds: Holds, state: State): boolean {
    if (holds === null || 'id' in holds || holds.version !== state.version || state.params.length > MAX_KEPT)
      return false;
    const id = this.#idOf(state);
    if (this.#hashed !== id) {
      this.#hash = stateHash(state);
      this.#hashed = id;
    }
    return holds.hash === this.#hash;
  }

  /** How many pieces of this state a worker has that says what it `holds`. */
  piecesHeld(holds: Holds, state: State): number {
    if (holds === null || !('id' in holds) || holds.id !== this.#idOf(state)) return 0;
    const { received } = holds;
    // Of what no worker can have said, nothing is believed.
    const isPart = received % PIECE_VALUES === 0 && received < state.params.length + state.buffers.length;
    return isPart ? received / PIECE_VALUES : 0;
  }

  /** Parameters change with the version, or by going back, and at no other time. */
  #idOf({ version, epoch = 0 }: State): string {
    return `${this.#nonce}.${epoch}.${version}`;
  }

  /** Gives up the oldest, where there are too many of them. */
  #retire(snapshot: Snapshot): void {
    this.#outdated = [...this.#outdated, snapshot].filter(({ receivers }) => receivers > 0);
    let bytes = this.#outdated.reduce((n, s) => n + s.bytes, 0);
    while (bytes > this.#maxOutdatedBytes) {
      const oldest = this.#outdated.shift();
      if (oldest === undefined) return;
      oldest.giveUp();
      bytes -= oldest.bytes;
    }
  }
}
