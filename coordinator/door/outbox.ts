/**
 * What waits to be sent to one peer, in its order: states, in pieces, and the leases that need them. No more of it is handed to
 * the link than it takes away, so a peer that reads slowly costs the coordinator a reference to a snapshot, and no copy.
 *
 * Of states that wait, only the newest is ever begun. A lease of one that was not sent has come to be of a round that is over,
 * since parameters change when a round ends: it is given back instead.
 */
import { encodeFrames } from '../../core/protocol/frames.ts';
import { workMessage } from '../../core/protocol/messages.ts';
import type { Work } from '../../core/protocol/work.ts';
import { UNREAD_MS, WINDOW_BYTES } from './limits.ts';
import type { PeerLink } from './link.ts';
import type { Snapshot } from './snapshots.ts';

type Item =
  | { readonly kind: 'state'; readonly snapshot: Snapshot /** The piece to come. */; next: number; begun: boolean }
  | { readonly kind: 'work'; readonly work: Work; readonly frames: readonly Uint8Array[] };

export class Outbox {
  readonly #link: PeerLink;
  readonly #now: () => number;
  readonly #giveBack: (work: Work) => void;
  #queue: Item[] = [];
  /** The version of the state that the peer has, once it has read what was sent. */
  #version = -1;
  /** Bytes handed to the link that have not left; and when some last did, or the first of them was handed over. */
  #waiting = 0;
  #movedAt = 0;
  #left = 0;

  /** @param giveBack told, at a time of its own, of a lease that will not be sent */
  constructor(link: PeerLink, now: () => number, giveBack: (work: Work) => void) {
    this.#link = link;
    this.#now = now;
    this.#giveBack = giveBack;
  }

  /** The peer has the state of this version already. */
  holds(version: number): void {
    this.#version = version;
  }

  /** @param from the first piece that the peer has not */
  state(snapshot: Snapshot, from: number): void {
    if (this.#queue.length > 0) this.#queue = this.#queue.filter((item) => item.kind !== 'state' || item.begun);
    this.#queue.push({ kind: 'state', snapshot, next: from, begun: false });
    this.#send();
  }

  work(work: Work): void {
    this.#queue.push({ kind: 'work', work, frames: encodeFrames(workMessage(work)) });
    this.#send();
  }

  /** Bytes that have left so far. */
  get left(): number {
    return this.#left;
  }

  /** Whether the peer has taken nothing for too long. */
  get isUnread(): boolean {
    return this.#waiting > 0 && this.#now() - this.#movedAt > UNREAD_MS;
  }

  /** Nothing more is sent. */
  close(): void {
    for (const item of this.#queue) if (item.kind === 'state' && item.begun) item.snapshot.receivers--;
    this.#queue = [];
  }

  #send(): void {
    for (let item = this.#queue[0]; item !== undefined && this.#waiting < WINDOW_BYTES; item = this.#queue[0]) {
      if (item.kind === 'work') {
        this.#queue.shift();
        if (item.work.version === this.#version) for (const frame of item.frames) this.#hand(frame);
        else this.#giveBack(item.work);
        continue;
      }
      if (!item.begun) item.snapshot.receivers++;
      item.begun = true;
      const frame = item.snapshot.frames[item.next++];
      if (frame !== undefined) this.#hand(frame);
      if (item.next < item.snapshot.frames.length) continue;
      this.#queue.shift();
      item.snapshot.receivers--;
      // Unless it was given up on the way.
      if (frame !== undefined) this.#version = item.snapshot.version;
    }
  }

  #hand(frame: Uint8Array): void {
    const { byteLength } = frame;
    if (this.#waiting === 0) this.#movedAt = this.#now();
    this.#waiting += byteLength;
    this.#link.send(frame, () => {
      this.#waiting -= byteLength;
      this.#left += byteLength;
      this.#movedAt = this.#now();
      this.#send();
    });
  }
}
