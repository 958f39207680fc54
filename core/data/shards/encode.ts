/** Pieces to ids, by several threads, in their order. Node only. */
import { Piscina } from 'piscina';
import type { EncodeData, Encoded } from './encodeThread.ts';
import type { Piece } from './pieces.ts';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './encodeThread.ts' : './encodeThread.js', import.meta.url)
  .href;

/** What a thread is given at a time: so many UTF-16 units, or pieces. */
const BATCH_UNITS = 1 << 18;
const BATCH_PIECES = 1024;

/** Pieces that follow each other, each with what its owner knows it by. */
export interface EncodedBatch<T> {
  readonly places: readonly T[];
  readonly encoded: Encoded;
}

/**
 * Never more than a few batches a thread are under way: what is not taken is not read.
 */
export async function* encodeAll<T>(
  pieces: AsyncIterable<readonly [Piece, T]>,
  data: EncodeData,
  threads: number,
): AsyncGenerator<EncodedBatch<T>> {
  const piscina = new Piscina<Piece[], Encoded>({
    ...{ filename: THREAD, minThreads: threads, maxThreads: threads, workerData: data, recordTiming: false },
  });
  const underWay: Promise<EncodedBatch<T>>[] = [];
  const start = (batch: readonly (readonly [Piece, T])[]) => {
    const places = batch.map(([, place]) => place);
    const running = piscina.run(batch.map(([piece]) => piece)).then((encoded) => ({ places, encoded }));
    // It is looked at when its turn comes.
    running.catch(() => undefined);
    underWay.push(running);
  };
  try {
    for await (const batch of batchesOf(pieces)) {
      start(batch);
      const first = underWay.length > 2 * threads ? underWay.shift() : undefined;
      if (first !== undefined) yield await first;
    }
    for (const rest of underWay) yield await rest;
  } finally {
    // A thread that is ended while it answers is no error to anybody.
    piscina.on('error', () => undefined);
    await piscina.destroy();
  }
}

async function* batchesOf<T>(pieces: AsyncIterable<readonly [Piece, T]>): AsyncGenerator<(readonly [Piece, T])[]> {
  let batch: (readonly [Piece, T])[] = [];
  let units = 0;
  for await (const piece of pieces) {
    batch.push(piece);
    units += piece[0].text.length;
    if (units < BATCH_UNITS && batch.length < BATCH_PIECES) continue;
    yield batch;
    [batch, units] = [[], 0];
  }
  if (batch.length > 0) yield batch;
}
