/** What runs in each thread that makes shards: pieces to ids, an end-of-text before each document. */
import { workerData } from 'piscina';
import { type Description, fromDescription } from '../../tokenizer/description.ts';
import { IdList } from '../../tokenizer/merging/idList.ts';
import type { Piece } from './pieces.ts';

export interface EncodeData {
  readonly tokenizer: Description;
  readonly endOfText: number;
  readonly bytesPerId: 2 | 4;
}

export interface Encoded {
  readonly ids: Uint16Array | Uint32Array;
  /** How many are of each piece. */
  readonly counts: readonly number[];
}

const { tokenizer: description, endOfText, bytesPerId } = workerData as EncodeData;
const tokenizer = fromDescription(description);

export default function encode(pieces: readonly Piece[]): Encoded {
  const all = new IdList();
  const counts = pieces.map(({ text, begins }) => {
    const before = all.length;
    if (begins) all.push(endOfText);
    const ids = tokenizer.encode(text, 'none');
    all.append(ids, 0, ids.length);
    return all.length - before;
  });
  const ids = all.take();
  return { ids: bytesPerId === 2 ? new Uint16Array(ids) : ids, counts };
}
