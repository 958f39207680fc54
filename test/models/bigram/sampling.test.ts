/** Names from a table: what it forbids is never drawn, what it says is drawn so often, and the same seed draws the same. */
import { expect, test } from 'vitest';
import { Vocabulary } from '../../../core/data/vocabulary.ts';
import { TorchGenerator } from '../../../core/random/torch.ts';
import { count, probabilities } from '../../../models/bigram/counting.ts';
import { sampleName, sampleNames } from '../../../models/bigram/sampling.ts';

const vocabulary = new Vocabulary('abc');
const words = ['ab', 'abb', 'a', 'cab'];
const rows = probabilities(count(words, vocabulary));

test('only pairs that were seen are drawn', () => {
  const seen = new Set(words.flatMap((word) => [...`.${word}`].map((c, i) => `${c}${`${word}.`[i]}`)));
  for (const name of sampleNames(200, rows, vocabulary, new TorchGenerator(1)))
    for (const [i, c] of [...`.${name}`].entries()) expect(seen).toContain(`${c}${`${name}.`[i]}`);
});

test('what is drawn has the table’s frequencies', () => {
  const names = sampleNames(4000, rows, vocabulary, new TorchGenerator(2));
  const drawn = probabilities(count(names, vocabulary));
  for (const [i, row] of rows.entries())
    for (const [j, p] of row.entries()) expect(Math.abs(drawn[i][j] - p), `${i}, ${j}`).toBeLessThan(0.03);
});

test('a seed draws the same again, another something else', () => {
  const draw = (seed: number) => sampleNames(20, rows, vocabulary, new TorchGenerator(seed));
  expect(draw(3)).toEqual(draw(3));
  expect(draw(3)).not.toEqual(draw(4));
});

test('a table that never ends a word is left at last', () => {
  const endless = rows.map(() => [0, 1, 0, 0]);
  expect(sampleName(endless, vocabulary, new TorchGenerator(5))).toBe('a'.repeat(1000));
});
