/** Which tokenizers are others with tokens added. */
import { expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { firstDifference } from '../../core/tokenizer/extends.ts';

const TEXT = 'the cat sat on the mat, the other cat sat on the other mat. ';
const small = BasicTokenizer.train(TEXT, 270);
const { merges } = small.pairs;

test('more merges or special tokens extend a tokenizer, another merge does not', () => {
  expect(firstDifference(small, small)).toBeNull();
  expect(firstDifference(small, BasicTokenizer.train(TEXT, 280))).toBeNull();
  expect(firstDifference(small, new BasicTokenizer(merges, new Map([['<|user|>', 270]])))).toBeNull();
  expect(firstDifference(BasicTokenizer.train(TEXT, 280), small)).toBe(270);
  expect(firstDifference(small, new BasicTokenizer([[1, 2], ...merges.slice(1)]))).toBe(256);
});

test('gaps are compared as well', () => {
  const withGap = new BasicTokenizer(merges, new Map([['<|user|>', 275]]));
  const filled = new BasicTokenizer(
    merges,
    new Map([
      ['<|user|>', 275],
      ['<|more|>', 272],
    ]),
  );
  expect(firstDifference(withGap, withGap)).toBeNull();
  expect(firstDifference(withGap, filled)).toBe(272);
});
