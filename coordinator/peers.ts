/** The workers that a run has, by their ids: their ports, what the ledger calls them, and which state they were last sent. */
import type { State, WorkerEvents, WorkerPort } from '../core/protocol/work.ts';
import type { WorkerId } from './machine/machine.ts';

/** A worker on its way in: `events` are for its port, `join` admits it. */
export interface Connection {
  readonly id: WorkerId;
  readonly events: WorkerEvents;
  /** @param holds the version of the state that it holds already */
  join(port: WorkerPort, holds?: number | null): void;
}

export interface Peer {
  readonly port: WorkerPort;
  /** What the ledger calls it. */
  readonly label: string;
  /** The version of the state that it has. */
  version: number;
}

export class Peers {
  readonly #peers = new Map<WorkerId, Peer>();
  #others = 0;

  /** @param holds the version of the state that it holds already */
  add(id: WorkerId, port: WorkerPort, holds: number | null = null): Peer {
    const label = port.kind === 'threads' ? port.name : `${port.name}#${id}`;
    const peer: Peer = { port, label, version: holds ?? -1 };
    this.#peers.set(id, peer);
    if (port.kind !== 'threads') this.#others++;
    return peer;
  }

  get(id: WorkerId): Peer | undefined {
    return this.#peers.get(id);
  }

  /** Takes a worker off the list. @returns null if it was not on it */
  remove(id: WorkerId): Peer | null {
    const peer = this.#peers.get(id);
    if (this.#peers.delete(id) && peer?.port.kind !== 'threads') this.#others--;
    return peer ?? null;
  }

  /** Whatever they were sent is not the state any more. */
  forgetStates(): void {
    for (const peer of this.#peers.values()) peer.version = -1;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** How many leases all of them compute at a time. */
  get threads(): number {
    let threads = 0;
    for (const { port } of this.#peers.values()) threads += port.slots;
    return threads;
  }

  /** Whether a worker is our own threads, which run our own code on our own numbers. */
  isOurs(id: WorkerId): boolean {
    return this.#peers.get(id)?.port.kind === 'threads';
  }

  /** Whether there are others than our own threads. */
  get hasOthers(): boolean {
    return this.#others > 0;
  }
}

/** Sends a worker the state, unless it has it. */
export function bringUpToDate(peer: Peer, state: State): void {
  if (peer.version === state.version) return;
  peer.port.sendState(state);
  peer.version = state.version;
}
