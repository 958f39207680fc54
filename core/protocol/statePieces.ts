/**
 * A state on its way: cut into messages of bounded size, and put together again. Whoever sends it may stop between any two;
 * whoever receives it can say how far it has come, and have the rest sent over another connection.
 */
import { FrameError } from './frameError.ts';
import { encodeFrames } from './frames.ts';
import { type StatePiece, stateMessage } from './messages.ts';
import type { State } from './work.ts';

/** Values of a piece: 128 KiB. On a slow link each is a sign of life, and what is lost of one is sent again. */
export const PIECE_VALUES = 32 * 1024;
/** A coordinator is trusted with this much memory: parameters of 4 GB. */
export const MAX_STATE_BYTES = 4 * 1024 ** 3;

/** A state's pieces, each a message in one frame: piece i begins at value i · PIECE_VALUES. The state is copied. */
export function encodeState({ version, params, buffers }: State, id: string): Uint8Array[] {
  const lengths = { params: params.length, buffers: buffers.length };
  const frames: Uint8Array[] = [];
  let offset = 0;
  do {
    const end = offset + PIECE_VALUES;
    const piece: StatePiece = {
      ...{ id, version, lengths, offset },
      params: params.subarray(offset, end),
      buffers: buffers.subarray(Math.max(0, offset - params.length), Math.max(0, end - params.length)),
    };
    frames.push(...encodeFrames(stateMessage(piece)));
    offset = end;
  } while (offset < params.length + buffers.length);
  return frames;
}

/** What a worker has of a state that is still coming; kept over its connections. */
export class ArrivingState {
  #id = '';
  #received = 0;
  #params = new Float32Array(0);
  #buffers = new Float32Array(0);

  /** The beginning that is there, and how many values it has; null if there is none. */
  get part(): { readonly id: string; readonly received: number } | null {
    return this.#received === 0 ? null : { id: this.#id, received: this.#received };
  }

  /**
   * Takes the next piece, or the first of another state, in whose place it then is. The piece may change afterwards.
   * @returns the state if it is complete, as views that are valid until the next piece; or null
   * @throws FrameError if the piece does not follow what is there; then nothing is
   */
  take(piece: StatePiece): State | null {
    const { id, version, lengths, offset, params, buffers } = piece;
    const total = lengths.params + lengths.buffers;
    const follows = offset === 0 || (id === this.#id && offset === this.#received && this.#fits(lengths));
    const received = offset + params.length + buffers.length;
    this.#received = 0;
    if (!follows) throw new FrameError('a piece of a state that does not follow the one before it');
    if (!isWithin(piece)) throw new FrameError('a piece of a state that lies beyond it');
    // What came whole need not be copied.
    if (offset === 0 && received === total) return { version, params, buffers };
    if (offset === 0) this.#begin(id, lengths);
    this.#params.set(params, Math.min(offset, lengths.params));
    this.#buffers.set(buffers, Math.max(0, offset - lengths.params));
    if (received === total) return { version, params: this.#params, buffers: this.#buffers };
    this.#received = received;
    return null;
  }

  #fits({ params, buffers }: StatePiece['lengths']): boolean {
    return params === this.#params.length && buffers === this.#buffers.length;
  }

  #begin(id: string, lengths: StatePiece['lengths']): void {
    if (4 * (lengths.params + lengths.buffers) > MAX_STATE_BYTES)
      throw new FrameError(`a state of ${lengths.params} parameters and ${lengths.buffers} buffers`);
    this.#id = id;
    if (this.#fits(lengths)) return;
    this.#params = new Float32Array(lengths.params);
    this.#buffers = new Float32Array(lengths.buffers);
  }
}

/** Whether a piece's values are some of its state's: parameters among those, buffers after all of them. */
function isWithin({ lengths, offset, params, buffers }: StatePiece): boolean {
  const between = offset + params.length;
  const end = between + buffers.length;
  if (params.length > 0 && between > lengths.params) return false;
  if (buffers.length > 0 && between < lengths.params) return false;
  return end <= lengths.params + lengths.buffers && (end > offset || end === 0);
}
