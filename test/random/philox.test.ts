// Philox against the known answers of Random123 (tests/kat_vectors, philox4x32 with 10 rounds).
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { multiplyHigh, philox4x32, philoxBlock } from '../../core/random/philox.ts';

const hex = (words: Uint32Array) => [...words].map((word) => word.toString(16).padStart(8, '0')).join(' ');
const ff = 0xffffffff;

test.each([
  { counter: [0, 0, 0, 0], key: [0, 0], answer: '6627e8d5 e169c58d bc57ac4c 9b00dbd8' },
  { counter: [ff, ff, ff, ff], key: [ff, ff], answer: '408f276d 41c83b0e a20bc7c6 6d5451fd' },
  {
    counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    key: [0xa4093822, 0x299f31d0],
    answer: 'd16cfe09 94fdcceb 5001e420 24126ea1',
  },
] as const)('known answer $answer', ({ counter, key, answer }) => {
  expect(hex(philox4x32(counter, key))).toBe(answer);
});

test('the high half of a 32 by 32 bit product', () => {
  const word = fc.integer({ min: 0, max: ff });
  fc.assert(fc.property(word, word, (a, b) => multiplyHigh(a, b) === Number((BigInt(a) * BigInt(b)) >> 32n)));
  expect(multiplyHigh(ff, ff)).toBe(0xfffffffe);
});

test('a block is written where it is asked for and nowhere else', () => {
  const out = new Uint32Array(6);
  philoxBlock(out, 1, 0, 0, 0, 0, 0, 0);
  expect(hex(out)).toBe('00000000 6627e8d5 e169c58d bc57ac4c 9b00dbd8 00000000');
});
