/** Decoding id by id gives what decoding all of them gives, and gives it as soon as it is sure. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { trainSentencePiece } from '../../core/tokenizer/sentencePiece/train.ts';
import { StreamingDecoder } from '../../core/tokenizer/streamingDecoder.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';

const TEXT = 'Über Grüße, 안녕하세요, 你好, 😀😀 and plain words, plain words. ';
const tokenizer = BasicTokenizer.train(TEXT.repeat(3), 330);

function inPieces(tokenizer: Tokenizer, ids: Iterable<number>): string[] {
  const decoder = new StreamingDecoder(tokenizer);
  return [...Array.from(ids, (id) => decoder.push(id)), decoder.end()];
}

test('the pieces of random ids, valid UTF-8 or not, are their decoding', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 60 }), (ids) => {
      expect(inPieces(tokenizer, ids).join('')).toBe(tokenizer.decode(ids));
    }),
    { numRuns: 500 },
  );
});

test('the pieces of random bytes that are often the beginning of a character are their decoding', () => {
  const lead = fc.constantFrom(0xc3, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0x80, 0xa0, 0xbb, 0xbf, 0x41);
  fc.assert(
    fc.property(fc.array(lead, { maxLength: 40 }), (ids) => {
      expect(inPieces(tokenizer, ids).join('')).toBe(tokenizer.decode(ids));
    }),
    { numRuns: 1000 },
  );
});

test('a character comes with its last byte, not before and not after', () => {
  const bytes = [...new TextEncoder().encode('a€😀b')];
  expect(inPieces(tokenizer, bytes)).toEqual(['a', '', '', '€', '', '', '', '😀', 'b', '']);
});

test('an incomplete character becomes U+FFFD at the end, or when another byte shows that it is none', () => {
  expect(inPieces(tokenizer, [0xe2, 0x82])).toEqual(['', '', '\ufffd']);
  expect(inPieces(tokenizer, [0xe2, 0x41])).toEqual(['', '\ufffdA', '']);
});

test('a byte-order mark stays, at the beginning and later', () => {
  const ids = tokenizer.encode('\ufeffa\ufeff');
  expect(inPieces(tokenizer, ids).join('')).toBe('\ufeffa\ufeff');
});

test('after a prompt what follows is as it is within the text: a space that would open one stays', () => {
  const pieces = trainSentencePiece(TEXT, { vocabSize: 350 });
  const [words] = pieces.encode('words');
  expect(new StreamingDecoder(pieces).push(words)).toBe('words'.slice(0, pieces.bytesOf(words).length - 1));
  const decoder = new StreamingDecoder(pieces, pieces.encode('plain'));
  expect(decoder.push(words)).toBe(new TextDecoder().decode(pieces.bytesOf(words)));
  // Half a character of the prompt is completed by what follows it.
  expect(new StreamingDecoder(tokenizer, [0xe2, 0x82]).push(0xac)).toBe('€');
});

test('after the end a new text begins, and an id that is none is refused', () => {
  const decoder = new StreamingDecoder(tokenizer);
  decoder.push(0xe2);
  decoder.end();
  expect(decoder.push(0x41)).toBe('A');
  expect(() => decoder.push(9999)).toThrow(RangeError);
});
