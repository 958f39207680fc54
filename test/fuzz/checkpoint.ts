/** The fuzz of reading checkpoints: a file on the disk a case. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Checkpoint, readCheckpoint } from '../../core/checkpoint/store.ts';
import { labelOfRefusal } from './safetensors.ts';
import { JSON_HEAP_EACH, type Subject, Violation } from './subject.ts';
import { checkpointMutations, makeFile } from './tensorFiles.ts';

/** Where the file of the case is, in a folder of this thread's own. */
let place: string | null = null;

function placeOf(bytes: Uint8Array): string {
  if (place === null) {
    const dir = mkdtempSync(join(tmpdir(), 'manygrad-fuzz-'));
    process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
    place = join(dir, 'x.safetensors');
  }
  writeFileSync(place, bytes);
  return place;
}

export const checkpoint: Subject = {
  name: 'checkpoint',
  heapEach: JSON_HEAP_EACH,
  mutations: checkpointMutations,
  make: (draws) => makeFile(draws, true),
  open({ pieces: [file], mutations }) {
    const path = placeOf(file);
    return {
      take: () => readCheckpoint(path),
      // Node's own reading takes some beside.
      allowance: (bytes) => 128 * 1024 + 10 * bytes.length,
      judge(bytes, outcome) {
        if ('error' in outcome) {
          if (mutations.length === 0) throw new Violation(`an honest file was refused: ${String(outcome.error)}`);
          // The file can be read: an error that nobody foresaw would be told so.
          if (String(outcome.error).includes('cannot be read')) throw new Violation(String(outcome.error));
          return { label: labelOfRefusal(outcome.error, path), over: true };
        }
        const { tensors, step } = outcome.value as Checkpoint;
        if (!Number.isSafeInteger(step) || step < 0) throw new Violation(`the step is ${step}`);
        const numbers = tensors.reduce((n, { data }) => n + data.length, 0);
        if (4 * numbers > bytes.length) throw new Violation(`${numbers} numbers in ${bytes.length} bytes`);
        return { label: 'a checkpoint that is as it should be', over: true };
      },
    };
  },
};
