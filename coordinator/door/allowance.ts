/**
 * What a peer may send: what its leases justify, and a little. A lease justifies one result of the size that it may have, and
 * a sign of progress for each of its micro-batches; once it is answered, what it left over is taken back.
 */
import { FrameError } from '../../core/protocol/frameError.ts';
import { MAX_HEADER_BYTES } from '../../core/protocol/frames.ts';
import type { Work } from '../../core/protocol/work.ts';
import { LEAST_FRAME_BYTES, SPARE_BYTES, SPARE_FRAMES } from './limits.ts';

/** A sign of progress has some 60. */
const PROGRESS_BYTES = 128;

type Lease = Pick<Work, 'round' | 'lo' | 'size'>;
type Grant = Lease & { readonly frames: number; readonly bytes: number };

export class Allowance {
  readonly #maxResultBytes: number;
  readonly #grants: Grant[] = [];
  /** What the leases that are held justify. */
  #justified = { frames: 0, bytes: 0 };
  /** What may still come. */
  #left = { frames: SPARE_FRAMES, bytes: SPARE_BYTES };

  /** @param maxResultBytes the most that a result of training carries */
  constructor(maxResultBytes: number) {
    this.#maxResultBytes = maxResultBytes;
  }

  /** The most that a result may carry that begins now. */
  get resultBytes(): number {
    return this.#grants.length === 0 ? 0 : this.#maxResultBytes;
  }

  grant({ round, lo, size, mode, counts }: Work): void {
    const body = mode === 'train' ? this.#maxResultBytes : 0;
    const frames = 2 + Math.ceil((MAX_HEADER_BYTES + body) / LEAST_FRAME_BYTES) + counts.length;
    const bytes = MAX_HEADER_BYTES + body + frames + counts.length * PROGRESS_BYTES;
    this.#grants.push({ round, lo, size, frames, bytes });
    this.#justified.frames += frames;
    this.#justified.bytes += bytes;
    this.#left.frames += frames;
    this.#left.bytes += bytes;
  }

  /** The lease has been answered, or given back. */
  end({ round, lo, size }: Lease): void {
    const at = this.#grants.findIndex((g) => g.round === round && g.lo === lo && g.size === size);
    const [grant] = at < 0 ? [] : this.#grants.splice(at, 1);
    if (grant === undefined) return;
    this.#justified.frames -= grant.frames;
    this.#justified.bytes -= grant.bytes;
    this.#left.frames = Math.min(this.#left.frames, this.#justified.frames + SPARE_FRAMES);
    this.#left.bytes = Math.min(this.#left.bytes, this.#justified.bytes + SPARE_BYTES);
  }

  /** Takes note of a frame that has come. @throws FrameError if there has been too much */
  spend(bytes: number): void {
    this.#left.frames--;
    this.#left.bytes -= bytes;
    if (this.#left.frames < 0 || this.#left.bytes < 0) throw new FrameError('more than its leases justify');
  }
}
