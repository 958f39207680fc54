/**
 * Tokenizers beside their peers and their bars, in one run: encoding with GPT-4's vocabulary (tiktoken in WASM, js-tiktoken), learning
 * (counting anew for each merge; one thread and two), and the memory of a stream. Contenders take turns, so that whatever else the
 * machine does falls on all alike; the ratio of medians counts (of one thread and two, that of the best rounds).
 *
 *   npm run bench:tokenizer [-- --rounds 5] [--only encode,learn,threads,stream] [--data FOLDER] [--json]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { getEncoding } from 'js-tiktoken';
import { get_encoding } from 'tiktoken';
import { learnPlainly, type Pair } from '../core/tokenizer/merging/pairs.ts';
import { publishedTokenizer } from '../core/tokenizer/published.ts';
import { RegexTokenizer } from '../core/tokenizer/regex.ts';
import { chunksOf, patterns, splitterOf } from '../core/tokenizer/splitting/patterns.ts';
import { trainFiles } from '../core/tokenizer/training/trainFiles.ts';
import { toBytes } from '../core/tokenizer/utf8.ts';
import { machineInWords, thisMachine } from './machine.ts';
import { median } from './timing.ts';
import { runMeasured } from './tokenizer/memory.ts';
import { readText, writeTiled } from './tokenizer/texts.ts';

const GPT4 = patterns.gpt4;
const PARTS = ['encode', 'learn', 'threads', 'stream'] as const;
/** A stream of a gigabyte may take so much memory in all: what Node itself and a vocabulary take is most of it. */
const STREAM_BAR = 512 * 2 ** 20;

interface Contender<T> {
  readonly name: string;
  readonly run: () => T | Promise<T>;
}

/** How often ours is as fast as another, and how often it should be. */
interface Ratio {
  readonly what: string;
  readonly ours: string;
  readonly other: string;
  readonly oursSeconds: number;
  readonly otherSeconds: number;
  readonly times: number;
  readonly bar: number;
}

interface Peak {
  readonly what: string;
  readonly bytes: number;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly bar: number;
}

/** All in turns, once unmeasured. Each must give what the first gives. */
async function inTurns<T>(
  contenders: readonly Contender<T>[],
  rounds: number,
  same: (a: T, b: T) => boolean,
  what: (times: readonly number[]) => number = median,
): Promise<number[]> {
  const times = contenders.map(() => [] as number[]);
  for (let round = -1; round < rounds; round++) {
    let first: T | undefined;
    for (const [i, { name, run }] of contenders.entries()) {
      process.stderr.write(`measuring: ${name}, ${round < 0 ? 'warming up' : `round ${round + 1}`}\n`);
      const start = performance.now();
      const made = await run();
      if (round >= 0) times[i]?.push((performance.now() - start) / 1000);
      first ??= made;
      if (!same(first, made)) throw new Error(`${name} gives something else than ${contenders[0]?.name}`);
    }
  }
  return times.map(what);
}

function ratio(
  what: string,
  [ours, other]: readonly [string, string],
  seconds: readonly [number, number],
  bar: number,
) {
  const [oursSeconds, otherSeconds] = seconds;
  return { what, ours, other, oursSeconds, otherSeconds, times: otherSeconds / oursSeconds, bar } satisfies Ratio;
}

const sameIds = (a: ArrayLike<number>, b: ArrayLike<number>): boolean => {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
};
const sameMerges = (a: readonly Pair[], b: readonly Pair[]): boolean => sameIds(a.flat(), b.flat());

async function encoding(folder: string, rounds: number): Promise<Ratio[]> {
  const text = readText(folder, 'tinyshakespeare').repeat(20);
  const own = await publishedTokenizer('cl100k_base');
  const wasm = get_encoding('cl100k_base');
  const js = getEncoding('cl100k_base');
  const contenders: Contender<ArrayLike<number>>[] = [
    { name: 'manygrad', run: () => own.encode(text) },
    { name: 'tiktoken (WASM)', run: () => wasm.encode(text) },
    { name: 'js-tiktoken', run: () => js.encode(text) },
  ];
  const [ours = 0, theirs = 0, plain = 0] = await inTurns(contenders, rounds, sameIds);
  wasm.free();
  const what = `encode tinyshakespeare x 20, ${(text.length / 1e6).toFixed(1)} MB, cl100k_base`;
  return [
    ratio(what, ['manygrad', 'tiktoken (WASM)'], [ours, theirs], 2),
    ratio(what, ['manygrad', 'js-tiktoken'], [ours, plain], 5),
  ];
}

async function learning(folder: string, rounds: number): Promise<Ratio[]> {
  const text = readText(folder, 'taylorswift');
  const plainly = () => learnPlainly([...chunksOf(splitterOf(GPT4), text)].map(toBytes), 256);
  const contenders: Contender<readonly Pair[]>[] = [
    { name: 'incremental counts', run: () => RegexTokenizer.train(text, 512).pairs.merges },
    { name: 'counting anew', run: plainly },
  ];
  const [ours = 0, theirs = 0] = await inTurns(contenders, rounds, sameMerges);
  const names = ['incremental counts', 'counting anew'] as const;
  return [ratio('learn 512 tokens of taylorswift.txt', names, [ours, theirs], 20)];
}

async function threading(folder: string, scratch: string, rounds: number): Promise<Ratio[]> {
  const file = join(scratch, 'hundred.txt');
  const bytes = writeTiled(folder, file, 1e8);
  const on = (threads: number): Contender<readonly Pair[]> => ({
    name: `${threads} thread${threads === 1 ? '' : 's'}`,
    run: async () =>
      (await trainFiles([file], { pattern: GPT4, vocabSize: 10_000, special: [], threads })).pairs.merges,
  });
  // The best of many: whatever else the machine does takes a core from two threads, and none from one.
  const best = (times: readonly number[]) => Math.min(...times);
  const [one = 0, two = 0] = await inTurns([on(1), on(2)], 3 * rounds, sameMerges, best);
  const what = `learn 10,000 tokens of ${(bytes / 1e6).toFixed(0)} MB`;
  return [ratio(what, ['2 threads', '1 thread'], [two, one], 1.6)];
}

async function streaming(folder: string, scratch: string): Promise<Peak[]> {
  const file = join(scratch, 'thousand.txt');
  const bytes = writeTiled(folder, file, 1e9);
  const encode = ['tokenizer', 'encode', file, '--tokenizer', 'cl100k_base'];
  const commands: [string, string[]][] = [
    ['count the tokens of a gigabyte', [...encode, '--count']],
    ['encode a gigabyte into a file', [...encode, '--binary', 'uint32', '--out', join(scratch, 'ids.bin')]],
    [
      'learn 10,000 tokens of a gigabyte',
      ['tokenizer', 'train', file, '--vocab-size', '10000', '--out', join(scratch, 'learned'), '--quiet'],
    ],
  ];
  const peaks: Peak[] = [];
  for (const [what, args] of commands) {
    process.stderr.write(`measuring: ${what}\n`);
    const { seconds, peakBytes } = await runMeasured(args);
    peaks.push({ what, bytes, seconds, peakBytes, bar: STREAM_BAR });
  }
  return peaks;
}

const seconds = (s: number): string => (s < 1 ? `${(1000 * s).toFixed(0)} ms` : `${s.toFixed(2)} s`);
const verdict = (met: boolean): string => (met ? 'met' : 'MISSED');

function print(ratios: readonly Ratio[], peaks: readonly Peak[], rounds: number): void {
  console.log(
    `${machineInWords(thisMachine())}; medians of ${rounds} rounds in turns (of threads, the best of ${3 * rounds})`,
  );
  for (const { what, ours, other, oursSeconds, otherSeconds, times, bar } of ratios) {
    console.log(`\n${what}`);
    console.log(
      `  ${ours} ${seconds(oursSeconds)}, ${other} ${seconds(otherSeconds)}: ${times.toFixed(2)} times as fast (bar ${bar}: ${verdict(times >= bar)})`,
    );
  }
  for (const { what, bytes, seconds: took, peakBytes, bar } of peaks) {
    console.log(`\n${what}`);
    console.log(
      `  ${(bytes / 1e6 / took).toFixed(1)} MB/s, ${(peakBytes / 2 ** 20).toFixed(0)} MiB at most (bar ${bar / 2 ** 20}: ${verdict(peakBytes <= bar)})`,
    );
  }
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', default: PARTS.join(',') },
    data: { type: 'string', default: '../shared/data' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds);
if (!(Number.isInteger(rounds) && rounds > 0)) throw new Error('--rounds must be a whole number above 0');
const only = values.only.split(',');
for (const part of only)
  if (!PARTS.some((known) => known === part)) throw new Error(`there is no part "${part}": take of ${PARTS.join(',')}`);
const scratch = mkdtempSync(join(tmpdir(), 'manygrad-tokenizer-'));
const ratios: Ratio[] = [];
const peaks: Peak[] = [];
try {
  if (only.includes('encode')) ratios.push(...(await encoding(values.data, rounds)));
  if (only.includes('learn')) ratios.push(...(await learning(values.data, rounds)));
  if (only.includes('threads')) ratios.push(...(await threading(values.data, scratch, rounds)));
  if (only.includes('stream')) peaks.push(...(await streaming(values.data, scratch)));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (values.json) console.log(JSON.stringify({ machine: thisMachine(), rounds, ratios, peaks }));
else print(ratios, peaks, rounds);
