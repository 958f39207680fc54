/** A token as the page of tokens shows it: nothing unseen, no byte lost. */
import { expect, test } from 'vitest';
import { measure } from '../../../coordinator/tokens/measure.ts';
import { piecesOf } from '../../../coordinator/tokens/pieces.ts';
import { toBytes } from '../../../core/tokenizer/utf8.ts';

const of = (text: string) => piecesOf(toBytes(text));

test('shows white space and what cannot be seen by marks', () => {
  expect(of('  a\tb\n')).toEqual([
    { kind: 'blanks', text: '··' },
    { kind: 'text', text: 'a' },
    { kind: 'tab' },
    { kind: 'text', text: 'b' },
    { kind: 'lineEnd' },
  ]);
  for (const point of [
    0x00, 0x0d, 0x1b, 0x85, 0xa0, 0xad, 0x200b, 0x200d, 0x202e, 0x3000, 0xfe0f, 0xfeff, 0xe000, 0xe0041,
  ])
    expect(of(String.fromCodePoint(point))).toEqual([
      { kind: 'point', text: `U+${point.toString(16).toUpperCase().padStart(4, '0')}` },
    ]);
});

test('shows the bytes of what is no whole character, and of it alone', () => {
  const llama = [...toBytes('🦙')];
  expect(piecesOf(Uint8Array.from([0x20, ...llama.slice(0, 2)]))).toEqual([
    { kind: 'blanks', text: '·' },
    { kind: 'bytes', text: 'F0 9F' },
  ]);
  expect(piecesOf(Uint8Array.from([...llama.slice(2), 0x21, ...llama]))).toEqual([
    { kind: 'bytes', text: 'A6 99' },
    { kind: 'text', text: '!🦙' },
  ]);
  // Ill-formed: too long a form, a surrogate, beyond the last code point, a lead without its second byte.
  for (const bytes of [[0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xff]])
    expect(piecesOf(Uint8Array.from(bytes))).toEqual([
      { kind: 'bytes', text: bytes.map((byte) => byte.toString(16).toUpperCase()).join(' ') },
    ]);
  expect(piecesOf(Uint8Array.of(0xc3, 0x41))).toEqual([
    { kind: 'bytes', text: 'C3' },
    { kind: 'text', text: 'A' },
  ]);
  // U+FFFD itself is a character.
  expect(of('\ufffd')).toEqual([{ kind: 'text', text: '\ufffd' }]);
});

test('an accent that begins a token stands on a circle of its own', () => {
  expect(of('\u0301e\u0301')).toEqual([{ kind: 'text', text: '◌\u0301e\u0301' }]);
});

test('a text is as long as its code points and its UTF-8', () => {
  expect(measure('')).toEqual({ characters: 0, bytes: 0 });
  expect(measure('aé🦙')).toEqual({ characters: 3, bytes: 7 });
  expect(measure('\ud83e')).toEqual({ characters: 1, bytes: 3 });
  expect(measure('\udd99\ud83e\ud83e\udd99')).toEqual({ characters: 3, bytes: 10 });
});
