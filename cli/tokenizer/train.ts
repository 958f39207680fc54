/** `manygrad tokenizer train`: learns byte pairs from text files, and writes them as minbpe's two files. */
import { Presets, SingleBar } from 'cli-progress';
import { replaceFile } from '../../core/disk/files.ts';
import { nodeDisk } from '../../core/disk/nodeDisk.ts';
import { UserError } from '../../core/errors.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { hashOf } from '../../core/tokenizer/description.ts';
import { writeMinbpe, writeVocab } from '../../core/tokenizer/formats/minbpe.ts';
import { patternNamed, splitterOf } from '../../core/tokenizer/splitting/patterns.ts';
import { type TrainingWatch, trainFiles } from '../../core/tokenizer/training/trainFiles.ts';
import { toBytes } from '../../core/tokenizer/utf8.ts';
import { duration, type OutputMode } from '../output.ts';
import { EXIT_CODES, onSignals, type StopSignal } from '../signals.ts';
import { checkFolder } from './sink.ts';

export interface TrainArguments {
  readonly files: readonly string[];
  readonly kind: 'regex' | 'basic';
  readonly pattern: string | undefined;
  readonly vocabSize: number;
  readonly special: readonly string[];
  /** The files are this and .model, this and .vocab. */
  readonly out: string;
  readonly threads: number;
  readonly mode: OutputMode;
}

/** @returns the exit code. @throws UserError */
export async function train(a: TrainArguments): Promise<number> {
  if (a.kind === 'basic' && a.pattern !== undefined)
    throw new UserError('a basic tokenizer has no pattern: leave out --pattern, or --kind basic.');
  const pattern = a.kind === 'basic' ? null : patternNamed(a.pattern ?? 'gpt4');
  checkBefore(a, pattern);
  const started = performance.now();
  const teller = new Teller(a.mode);
  let stopped: StopSignal | undefined;
  const stop = new AbortController();
  const unhook = onSignals((signal) => {
    stopped = signal;
    stop.abort(new UserError('the training was stopped.'));
  });
  try {
    const { vocabSize, special, threads } = a;
    const options = { pattern, vocabSize, special, threads, watch: teller, signal: stop.signal };
    const tokenizer = await trainFiles(a.files, options);
    teller.stop();
    const files = [`${a.out}.model`, `${a.out}.vocab`];
    const texts = [writeMinbpe(tokenizer), writeVocab(tokenizer)];
    for (const [i, file] of files.entries())
      await replaceFile(nodeDisk, file, (handle) => handle.write(toBytes(texts[i] ?? '')));
    const seconds = (performance.now() - started) / 1000;
    const { merges } = tokenizer.pairs;
    if (a.mode === 'json') {
      const told = {
        tokens: tokenizer.vocabSize,
        merges: merges.length,
        special: Object.fromEntries(tokenizer.special),
      };
      console.log(JSON.stringify({ event: 'trained', ...told, hash: hashOf(tokenizer), files, seconds }));
    }
    if (a.mode === 'person') {
      const fewer = tokenizer.vocabSize < vocabSize ? `, and not ${vocabSize}, since no pair is left` : '';
      console.log(
        `${tokenizer.vocabSize} tokens${fewer}: 256 bytes, ${merges.length} merges, ${special.length} special. Learned in ${seconds < 10 ? `${seconds.toFixed(1)}s` : duration(seconds)}.`,
      );
      console.log(`Written: ${files.join(' to encode with, ')} to look at.`);
    }
    return 0;
  } catch (error) {
    if (stopped === undefined) throw error;
    if (a.mode === 'person') console.error('Stopped: nothing is written.');
    return EXIT_CODES[stopped];
  } finally {
    teller.stop();
    unhook();
  }
}

/** What can be known to fail does so before the work. @throws UserError */
function checkBefore({ special, out }: TrainArguments, pattern: string | null): void {
  checkFolder(`${out}.model`);
  if (pattern !== null) {
    splitterOf(pattern);
    if (/[\r\n]/.test(pattern))
      throw new UserError('the pattern has a line end, which a .model file cannot hold: write it as \\n or \\r.');
  }
  writeMinbpe(new BasicTokenizer([], new Map(special.map((text, i) => [text, 256 + i]))));
}

const BAR = { barsize: 20, hideCursor: true, fps: 5, stream: process.stderr };
const mega = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Bars on a terminal, JSON lines for a program. */
class Teller implements TrainingWatch {
  readonly #mode: OutputMode;
  readonly #began = performance.now();
  #bar: SingleBar | null = null;

  constructor(mode: OutputMode) {
    this.#mode = mode;
  }

  readonly onRead = (done: number, all: number): void => {
    if (this.#mode === 'json') console.log(JSON.stringify({ event: 'read', bytes: done, of: all }));
    const seconds = (performance.now() - this.#began) / 1000;
    const shown = { done: mega(done), all: mega(all), rate: mega(done / seconds) };
    this.#show('counting  {bar} {done}/{all} MB  {rate} MB/s', done, all, shown);
  };

  readonly onCounted = (chunks: number): void => {
    if (this.#mode === 'json') console.log(JSON.stringify({ event: 'counted', chunks }));
    this.stop();
  };

  readonly onMerge = (done: number, all: number, [left, right]: readonly [number, number], count: number): void => {
    if (this.#mode === 'json') console.log(JSON.stringify({ event: 'merge', id: 255 + done, left, right, count }));
    this.#show('learning  {bar} {value}/{total} merges  the last stood {count} times', done, all, { count });
  };

  stop(): void {
    this.#bar?.stop();
    this.#bar = null;
  }

  #show(format: string, done: number, all: number, shown: object): void {
    if (this.#mode !== 'person' || !process.stderr.isTTY) return;
    if (this.#bar === null) {
      this.#bar = new SingleBar({ ...BAR, format }, Presets.shades_classic);
      this.#bar.start(all, done, shown);
    } else this.#bar.update(done, shown);
  }
}
