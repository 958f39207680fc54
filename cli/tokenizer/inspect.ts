/** `manygrad tokenizer inspect`: what a tokenizer has learned, how well it compresses, and which tokens a corpus never has. */
import { UserError } from '../../core/errors.ts';
import { ChunkedTokenizer } from '../../core/tokenizer/chunked.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { loadTokenizer } from '../../core/tokenizer/load.ts';
import { safePieces, textOf } from '../../core/tokenizer/streamingEncoder.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import type { OutputMode } from '../output.ts';
import { fileInput, type Input } from './inputs.ts';
import { sentences } from './sentences.ts';
import { visible } from './show.ts';

export interface InspectArguments {
  readonly tokenizer: string;
  readonly corpus: readonly string[];
  /** How many merges to show, and which is the first. */
  readonly merges: number;
  readonly from: number;
  readonly mode: OutputMode;
}

interface Compression {
  readonly of: string;
  readonly bytes: number;
  readonly tokens: number;
  readonly bytesPerToken: number;
}

/** So many tokens of a list are shown to a person; a program gets all. */
const SHOWN = 20;

/** @throws UserError */
export async function inspect({ tokenizer: name, corpus, merges, from, mode }: InspectArguments): Promise<void> {
  const tokenizer = await loadTokenizer(name);
  const inputs = corpus.map(fileInput);
  const tell = mode === 'json' ? (event: object) => console.log(JSON.stringify(event)) : () => undefined;
  const say = mode === 'person' ? (line: string) => console.log(line) : () => undefined;

  const { vocabSize, special } = tokenizer;
  const pairs = tokenizer instanceof ChunkedTokenizer ? tokenizer.pairs : null;
  if (pairs !== null && from > 0 && from >= pairs.merges.length)
    throw new UserError(`--from ${from} is beyond the ${pairs.merges.length} merges of ${name}: give a smaller one.`);
  const pattern = tokenizer instanceof ChunkedTokenizer ? (tokenizer.splitter?.pattern ?? null) : null;
  const hash = hashOf(tokenizer);
  tell({
    event: 'tokenizer',
    name,
    vocabSize,
    merges: pairs?.merges.length ?? null,
    special: Object.fromEntries(special),
    pattern,
    hash,
  });
  const made = pairs === null ? '' : `256 bytes, ${pairs.merges.length} merges and `;
  say(`${name}: ids below ${vocabSize}; ${made}${special.size} special token${special.size === 1 ? '' : 's'}`);
  for (const [text, id] of special) say(`  ${text} = ${id}`);
  if (pairs !== null) say(`cut by: ${pattern ?? 'nothing'}`);
  say(`hash: ${hash}`);

  if (pairs !== null && merges > 0 && pairs.merges.length > 0) {
    say(`\nMerges ${from} to ${Math.min(from + merges, pairs.merges.length) - 1}, in the order in which they are made`);
    const shown = (id: number) => visible(tokenizer.bytesOf(id));
    for (const [i, [left, right]] of pairs.merges.slice(from, from + merges).entries()) {
      const rank = from + i;
      const id = pairs.mergeIds[rank] ?? 0;
      tell({ event: 'merge', rank, left, right, id, token: shown(id) });
      say(`${String(rank).padStart(8)}  ${shown(left)} + ${shown(right)} = ${shown(id)}  (${id})`);
    }
  }

  const tokens = tokensOf(tokenizer);
  const longest = [...tokens].toSorted(([, a], [, b]) => b.length - a.length).slice(0, SHOWN);
  say('\nLongest tokens');
  for (const [id, bytes] of longest) {
    tell({ event: 'longest', id, bytes: bytes.length, token: visible(bytes) });
    say(`${String(id).padStart(8)}  ${shorten(visible(bytes))}  (${bytes.length} bytes)`);
  }

  say('\nBytes a token, on a sentence in each of these');
  for (const [language, text] of sentences) {
    const count = tokenizer.count(text, 'none');
    const compression = compressed(language, toBytes(text).length, count);
    tell({ event: 'language', ...compression });
    say(row(compression));
  }

  if (inputs.length === 0) return;
  const seen = new Uint8Array(vocabSize);
  say('\nBytes a token, of the corpus');
  for (const input of inputs) {
    const compression = await look(tokenizer, input, seen);
    tell({ event: 'file', ...compression });
    say(row(compression));
  }
  const unseen = [...tokens].filter(([id]) => seen[id] === 0);
  tell({ event: 'unseen', count: unseen.length, of: tokens.size, ids: unseen.map(([id]) => id) });
  say(`\n${unseen.length} of ${tokens.size} tokens (special ones apart) are never in the corpus; the longest of them:`);
  for (const [id, bytes] of unseen.toSorted(([, a], [, b]) => b.length - a.length).slice(0, SHOWN))
    say(`${String(id).padStart(8)}  ${shorten(visible(bytes))}`);
}

/** What each id stands for, special tokens left out: not each id below the size need be a token. */
function tokensOf(tokenizer: Tokenizer): Map<number, Uint8Array> {
  const special = new Set(tokenizer.special.values());
  const tokens = new Map<number, Uint8Array>();
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    if (special.has(id)) continue;
    try {
      tokens.set(id, tokenizer.bytesOf(id));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
    }
  }
  return tokens;
}

/** Encodes a file, and marks the tokens that are in it. */
async function look(tokenizer: Tokenizer, input: Input, seen: Uint8Array): Promise<Compression> {
  let [bytes, tokens] = [0, 0];
  const counted = (async function* () {
    for await (const some of input.bytes()) {
      bytes += some.length;
      yield some;
    }
  })();
  for await (const piece of safePieces(tokenizer, textOf(counted), 'none')) {
    const ids = tokenizer.encode(piece, 'none');
    tokens += ids.length;
    for (const id of ids) seen[id] = 1;
  }
  return compressed(input.name, bytes, tokens);
}

const compressed = (of: string, bytes: number, tokens: number): Compression => ({
  of,
  bytes,
  tokens,
  bytesPerToken: tokens === 0 ? 0 : bytes / tokens,
});

const row = ({ of, bytes, tokens, bytesPerToken }: Compression): string =>
  `${bytesPerToken.toFixed(2).padStart(8)}  ${of}  (${bytes} bytes, ${tokens} tokens)`;

const shorten = (text: string): string => (text.length > 60 ? `${text.slice(0, 59)}…` : text);
