/** One encoding and one hash of the current state, shared by all peers. */
import { encodeFrames } from '../../core/protocol/frames.ts';
import { type Hello, MAX_KEPT, stateHash, stateMessage } from '../../core/protocol/messages.ts';
import type { State } from '../../core/protocol/work.ts';

export class StateCache {
  #version = -1;
  #frames: Uint8Array[] = [];
  #hashed = -1;
  #hash = '';

  frames(state: State): Uint8Array[] {
    if (this.#version !== state.version) {
      this.#frames = encodeFrames(stateMessage(state));
      this.#version = state.version;
    }
    return this.#frames;
  }

  /** Whether a worker that says that it `holds` a state holds this one. */
  isHeld(holds: Hello['holds'], state: State): boolean {
    if (holds?.version !== state.version || state.params.length > MAX_KEPT) return false;
    if (this.#hashed !== state.version) {
      this.#hash = stateHash(state);
      this.#hashed = state.version;
    }
    return holds.hash === this.#hash;
  }
}
