/** Mutated safetensors files, checkpoints and operators' texts: a sentence for a person, or a refusal, and nothing worse. */
import { test } from 'vitest';
import { expectNoFailure } from './expectNone.ts';

const timeout = 120_000;
const bad = (why: string) => `refused: it has a bad safetensors header (${why}): use another copy.`;

test('safetensors files', { timeout }, () =>
  expectNoFailure('safetensors', 6000, [
    'a file that is as it should be',
    bad('it is not JSON in UTF-N'),
    bad('it is not a JSON object'),
    bad('its entry for "..." is malformed'),
    bad('there is a gap before "..."'),
    bad('"..." overlaps another tensor'),
    'refused: it is cut short: N bytes of its header are missing; use another copy.',
    'refused: it is cut short: N of its N data bytes are missing; use another copy.',
    'refused: it has N bytes more than its header says: use another copy.',
  ]),
);

test('checkpoints', { timeout }, () =>
  expectNoFailure('checkpoint', 1500, [
    'a checkpoint that is as it should be',
    bad('its entry for "..." is malformed'),
    'refused: it is damaged, its contents do not have the hash it was written with: use another copy.',
    'refused: it is not a checkpoint of manygrad: give a file that "..." has written.',
  ]),
);

test('what an operator sends', { timeout }, () =>
  expectNoFailure('operator', 6000, [
    'refused',
    ...['open', 'pause', 'resume', 'checkpoint', 'stop', 'kick', 'sample'].map((kind) => `message: ${kind}`),
  ]),
);
