/** Which tokenizers are others with tokens added. */
import { expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { firstDifference, withSpecial } from '../../core/tokenizer/extends.ts';
import { trainSentencePiece } from '../../core/tokenizer/sentencePiece/train.ts';

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

test('special tokens are added after all others, and are read as tokens where allowed', () => {
  const more = withSpecial(small, ['<|user|>', '<|end|>']);
  expect(firstDifference(small, more)).toBeNull();
  expect(more.vocabSize).toBe(small.vocabSize + 2);
  expect([...more.encode('<|user|>the<|end|>', 'all')]).toEqual([270, ...small.encode('the'), 271]);
  const again = withSpecial(more, ['<|more|>']);
  expect(again.special.get('<|more|>')).toBe(272);
  expect(() => withSpecial(more, ['<|user|>'])).toThrow('there already');
  expect(() => withSpecial(small, ['a', 'a'])).toThrow('there already');
});

test('to SentencePiece they are control symbols', () => {
  const pieces = trainSentencePiece(TEXT, { vocabSize: 300 });
  const more = withSpecial(pieces, ['<|user|>']);
  expect(firstDifference(pieces, more)).toBeNull();
  expect([...more.encode('<|user|>', 'all')]).toEqual([pieces.vocabSize]);
});
