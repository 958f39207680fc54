/** The fuzz of safetensors.ts: a file a case, decoded in memory. */
import { type DecodedTensor, decodeHeader, decodeSafetensors, type Header } from '../../core/checkpoint/safetensors.ts';
import { UserError } from '../../core/errors.ts';
import type { Draws } from './draws.ts';
import {
  type Case,
  JSON_HEAP_EACH,
  type Outcome,
  type Receiver,
  type Subject,
  thrown,
  type Verdict,
  Violation,
} from './subject.ts';
import { fileMutations, makeFile, SIZES } from './tensorFiles.ts';
import { EDGE_NUMBERS } from './values.ts';

interface FileCase extends Case {
  /** How long the whole file is said to be, of which the bytes may be the head alone. */
  readonly claimed: number;
}

const FILE = 'x.safetensors';
/** A sentence and a file's name. */
const MAX_MESSAGE = 600;

/** What a refusal of this file is counted as. @throws Violation if it is no sentence for a person */
export function labelOfRefusal(error: unknown, file: string): string {
  if (!(error instanceof UserError)) throw thrown(error);
  if (error.message.length > MAX_MESSAGE || error.message.includes('\n'))
    throw new Violation(`an error of ${error.message.length} characters: ${error.message.slice(0, 300)}`);
  const text = error.message
    .replace(file, 'it')
    .replaceAll(/"(?:[^"\\]|\\.)*"?/g, '"..."')
    .replaceAll(/\[[^\]]*\]/g, '[...]')
    .replaceAll(/\d+(?:\.\d+)?(?:e[+-]\d+)?/g, 'N');
  return `refused: ${text.slice(0, 110)}`;
}

interface Taken {
  readonly header: Header;
  readonly tensors: readonly DecodedTensor[] | null;
}

class FileReceiver implements Receiver {
  readonly #made: FileCase;
  constructor(made: FileCase) {
    this.#made = made;
  }

  take(file: Uint8Array): Taken {
    const { claimed } = this.#made;
    const header = decodeHeader(file, claimed, FILE);
    return { header, tensors: claimed === file.length ? decodeSafetensors(file, FILE).tensors : null };
  }

  allowance(file: Uint8Array): number {
    return 4096 + 10 * file.length;
  }

  judge(file: Uint8Array, outcome: Outcome): Verdict {
    if ('error' in outcome) {
      if (this.#made.mutations.length === 0 && this.#made.claimed === file.length)
        throw new Violation(`an honest file was refused: ${String(outcome.error)}`);
      return { label: labelOfRefusal(outcome.error, FILE), over: true };
    }
    const { header, tensors } = outcome.value as Taken;
    const { entries, dataStart, dataLength } = header;
    if (dataStart + dataLength !== this.#made.claimed) throw new Violation('the data does not fill the file');
    let at = 0;
    for (const [i, { name, begin, end, dtype, shape }] of entries.entries()) {
      const bytes = shape.reduce((product, n) => product * n, 1) * SIZES[dtype];
      if (begin !== at || end - begin !== bytes) throw new Violation(`${name} lies from ${begin} to ${end}`);
      at = end;
      if (tensors === null) continue;
      const { data } = tensors[i];
      const sent = file.subarray(dataStart + begin, dataStart + end);
      if (Buffer.compare(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), sent) !== 0)
        throw new Violation(`${name} is not what the file holds`);
    }
    if (at !== dataLength) throw new Violation(`${dataLength} bytes of data, of which tensors are ${at}`);
    return {
      label: tensors === null ? 'a head that is as it should be' : 'a file that is as it should be',
      over: true,
    };
  }
}

export const safetensors: Subject<FileCase> = {
  name: 'safetensors',
  heapEach: JSON_HEAP_EACH,
  mutations: fileMutations,
  make(draws: Draws) {
    const made = makeFile(draws, false);
    const { length } = made.pieces[0];
    const others = [...EDGE_NUMBERS.filter((n) => Number.isSafeInteger(n) && n >= 0), length + 1, length - 1];
    return { ...made, claimed: draws.oneIn(8) ? Math.max(0, draws.pick(others)) : length };
  },
  open: (made) => new FileReceiver(made),
};
