/** Random texts made to be cut wrongly: what patterns, UTF-8 and special tokens trip over, one beside the other. */
import fc from 'fast-check';

const letters = [...'abesltvmdSLZéßſKЖйمकก中日あ한ﬁª', 'ि', '𝒜', '𐐷'];
const marks = ['\u0301', '\u20dd', '\u200d', '\ufe0f', '\u200b'];
const emoji = ['😀', '👩‍👩‍👧', '🏳️‍🌈', '🇩🇪', '👍🏽'];
const controls = ['\0', '\x07', '\x1b', '\x7f', '\x85', '\ufeff', '\ufffd'];
const spaces = [
  ' ',
  ' ',
  '  ',
  '     ',
  '\t',
  '\n',
  '\n\n',
  '\r',
  '\r\n',
  '\v',
  '\f',
  '\xa0',
  '\u1680',
  '\u2028',
  '\u3000',
];
const digits = ['1', '12', '345', '67890', '٣', 'Ⅷ', '½', '𝟘', '²'];
const contractions = [
  "'",
  "'s",
  "'S",
  "'t",
  "'ll",
  "'LL",
  "'lL",
  "'Ve",
  "'rE",
  "'re",
  "'D",
  "'m",
  "'ſ",
  "'l",
  "'v",
  '’s',
];
const words = [
  ' the',
  'Hello',
  ' don',
  "I'll",
  'über',
  ' мир',
  '世界',
  'العربية',
  'नमस्ते',
  'http',
  'int main',
  '    return',
];
const punctuation = [...'.,!?/-_()[]{}<>|"#$%&*+=@\\~`^:;', '...', '!!!', '—', '«', '…', '//', '<|', '|>'];
const specials = ['<|endoftext|>', '<|endofprompt|>', '<|fim_prefix|>'];
const surrogates = ['\ud83d', '\ude00', '\ud800', '\udfff'];

const anyOf = (texts: readonly string[]) => fc.constantFrom(...texts);

/** A character or a few. */
const pieces = fc.oneof(
  { arbitrary: anyOf(letters), weight: 6 },
  { arbitrary: anyOf(spaces), weight: 6 },
  { arbitrary: anyOf(words), weight: 4 },
  { arbitrary: anyOf(contractions), weight: 4 },
  { arbitrary: anyOf(digits), weight: 3 },
  { arbitrary: anyOf(punctuation), weight: 3 },
  { arbitrary: anyOf(emoji), weight: 1 },
  { arbitrary: anyOf(marks), weight: 2 },
  { arbitrary: anyOf(controls), weight: 2 },
  { arbitrary: anyOf(specials), weight: 1 },
  { arbitrary: fc.nat(0x10ffff).map((point) => String.fromCodePoint(point)), weight: 2 },
);

const joined = (piece: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
  fc.array(piece, { maxLength, size: 'max' }).map((parts) => parts.join(''));

/** Up to so many pieces, lone surrogates among them. */
export const anyText = (maxPieces: number): fc.Arbitrary<string> =>
  joined(fc.oneof({ arbitrary: pieces, weight: 30 }, { arbitrary: anyOf(surrogates), weight: 1 }), maxPieces);

/** The same, as UTF-8 can spell it. */
export const wellFormedText = (maxPieces: number): fc.Arbitrary<string> =>
  joined(pieces, maxPieces).map((text) => text.toWellFormed());

/** A few letters and spaces over and over: pairs that overlap, and counts that are equal. */
export const fewLetters = (maxLength: number): fc.Arbitrary<string> =>
  joined(anyOf(['a', 'a', 'a', 'b', 'b', 'c', ' ', 'd']), maxLength);

/** Every code point but the surrogates, which no text has alone. */
export function* codePoints(): Generator<string> {
  for (let point = 0; point <= 0x10ffff; point++)
    if (point < 0xd800 || point > 0xdfff) yield String.fromCodePoint(point);
}
