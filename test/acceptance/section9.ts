/** Let's build the GPT tokenizer: byte pairs, patterns, special tokens, and OpenAI's published tokenizers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Tiktoken } from 'js-tiktoken/lite';
import cl100k from 'js-tiktoken/ranks/cl100k_base';
import gpt2 from 'js-tiktoken/ranks/gpt2';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { readGpt2Files, writeGpt2Files } from '../../core/tokenizer/formats/gpt2Files.ts';
import { writeHuggingFace } from '../../core/tokenizer/formats/huggingFace.ts';
import { writeMinbpe } from '../../core/tokenizer/formats/minbpe.ts';
import { parseTokenizer } from '../../core/tokenizer/formats/read.ts';
import { writeTiktoken } from '../../core/tokenizer/formats/tiktoken.ts';
import { publishedTokenizer } from '../../core/tokenizer/published.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { gpt4Splitter } from '../../core/tokenizer/splitting/gpt4Splitter.ts';
import { chunksOf } from '../../core/tokenizer/splitting/patterns.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { allDigits, type Check, fact, type Outcome, quick } from './check.ts';
import { dataDir } from './training.ts';

const SWIFT = 'taylorswift.txt';
const SHAKESPEARE = 'tinyshakespeare.txt';
const read = (name: string) => readFile(join(dataDir, name), 'utf8');

const END = '<|endoftext|>';
const shown = (ids: Iterable<number>): string => [...ids].join(', ');

/** Equal to the lecture's, as it is written. */
const same = (lecture: string, ours: string): Outcome => fact(ours, ours === lecture);

const isRefused = (make: () => unknown): boolean => {
  try {
    make();
    return false;
  } catch {
    return true;
  }
};

/** What is encoded of a text that holds a special token, as each setting has it. */
function specialTokens(): Outcome {
  const tokenizer = new BasicTokenizer([], new Map([[END, 256]]));
  const text = `a${END}`;
  const lengths = (['all', 'none', new Set([END]), new Set<string>()] as const).map(
    (allowed) => tokenizer.encode(text, allowed).length,
  );
  return same(
    '2, 14, 2, 14; refused',
    `${shown(lengths)}; ${isRefused(() => tokenizer.encode(text)) ? 'refused' : 'read'}`,
  );
}

/** Each format, written and read again. */
async function formats(): Promise<Outcome> {
  const trained = RegexTokenizer.train(await read(SWIFT), 512);
  const published = await publishedTokenizer('gpt2');
  const { encoderJson, vocabBpe } = writeGpt2Files(published);
  const parse = (text: string) => parseTokenizer(toBytes(text), 'it');
  const kept = [
    hashOf(parse(writeMinbpe(trained))) === hashOf(trained),
    hashOf(parse(writeTiktoken(trained))) === hashOf(trained),
    hashOf(parse(writeHuggingFace(trained))) === hashOf(trained),
    hashOf(readGpt2Files(encoderJson, vocabBpe, 'it')) === hashOf(published),
  ];
  return fact(`${kept.filter(Boolean).length} of ${kept.length} the same`, kept.every(Boolean));
}

/** Texts of which js-tiktoken gives other ids. */
async function differences(): Promise<Outcome> {
  const texts = await Promise.all(['names.txt', SHAKESPEARE, SWIFT].map(read));
  let different = 0;
  for (const [name, ranks] of [
    ['gpt2', gpt2],
    ['cl100k_base', cl100k],
  ] as const) {
    const [ours, theirs] = [await publishedTokenizer(name), new Tiktoken(ranks)];
    for (const text of texts) if (shown(ours.encode(text)) !== shown(theirs.encode(text))) different++;
  }
  return fact(`${2 * texts.length - different} of ${2 * texts.length} equal`, different === 0);
}

export const section9: readonly Check[] = [
  quick('9-example', 'aaabdaaabac after 3 merges', '258, 100, 258, 97, 99', () =>
    same('258, 100, 258, 97, 99', shown(BasicTokenizer.train('aaabdaaabac', 259).encode('aaabdaaabac'))),
  ),
  quick('9-invalid', 'the text of the byte 128 alone', '\ufffd', () =>
    same('\ufffd', new BasicTokenizer([]).decode([128])),
  ),
  quick(
    '9-basic',
    'taylorswift.txt, vocabulary 512, not cut: bytes, and tokens',
    '185,768, 78,746',
    async () => {
      const text = await read(SWIFT);
      return allDigits('185,768, 78,746', [toBytes(text).length, BasicTokenizer.train(text, 512).encode(text).length]);
    },
    { needs: SWIFT },
  ),
  quick(
    '9-regex',
    "the same, cut by GPT-4's pattern: chunks, and tokens; merges 259 and 261",
    '46,196, 87,339; "in", " t"',
    async () => {
      const text = await read(SWIFT);
      const tokenizer = RegexTokenizer.train(text, 512);
      const counts = allDigits('46,196, 87,339', [
        [...chunksOf(gpt4Splitter, text)].length,
        tokenizer.encode(text).length,
      ]);
      const merges = [259, 261].map((id) => JSON.stringify(tokenizer.decode([id]))).join(', ');
      return fact(`${counts.ours}; ${merges}`, counts.holds && merges === '"in", " t"');
    },
    { needs: SWIFT },
  ),
  quick(
    '9-special',
    `"a${END}": tokens where all are allowed, none, that one, others; by default`,
    '2, 14, 2, 14; refused',
    specialTokens,
  ),
  quick('9-end', `${END} of GPT-2 and of GPT-4`, '50,256, 100,257', async () => {
    const [two, four] = await Promise.all([publishedTokenizer('gpt2'), publishedTokenizer('cl100k_base')]);
    return allDigits(
      '50,256, 100,257',
      [two, four].map((t) => t.encode(END, 'all')[0] ?? Number.NaN),
    );
  }),
  quick('9-magikarp', '" SolidGoldMagikarp" to GPT-2', '43453', async () =>
    same('43453', shown((await publishedTokenizer('gpt2')).encode(' SolidGoldMagikarp'))),
  ),
  quick(
    '9-recovered',
    "merges recovered from GPT-4's ranks; its ids of the bytes 0, 32 and 97",
    '100,000, 188, 220, 64',
    async () => {
      const { merges, byteIds } = (await publishedTokenizer('cl100k_base')).pairs;
      return allDigits('100,000, 188, 220, 64', [
        merges.length,
        ...[0, 32, 97].map((byte) => byteIds[byte] ?? Number.NaN),
      ]);
    },
  ),
  quick(
    '9-shakespeare',
    'tinyshakespeare.txt in tokens of GPT-2',
    '338,025',
    async () => allDigits('338,025', [(await publishedTokenizer('gpt2')).count(await read(SHAKESPEARE))]),
    { needs: SHAKESPEARE },
  ),
  quick(
    '9-tiktoken',
    "names.txt, tinyshakespeare.txt and taylorswift.txt with GPT-2's tokenizer and GPT-4's: the ids are js-tiktoken's",
    'equal',
    differences,
    { needs: SWIFT },
  ),
  quick(
    '9-formats',
    "written and read again, to the same hash: .model, tiktoken's ranks, Hugging Face's tokenizer.json, encoder.json with vocab.bpe",
    'the same',
    formats,
    { needs: SWIFT },
  ),
];
