/** What the training of a tokenizer shows while it works. */
import { Presets, SingleBar } from 'cli-progress';
import type { TrainingWatch } from '../../core/tokenizer/training/trainFiles.ts';
import type { OutputMode } from '../output.ts';

const BAR = { barsize: 20, hideCursor: true, fps: 5, stream: process.stderr };
const mega = (bytes: number): string => (bytes / 1e6).toFixed(1);

/** Bars on a terminal, JSON lines for a program. */
export class TrainingTeller implements TrainingWatch {
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

  /** One of SentencePiece's. */
  onPiece(done: number, most: number, count: number): void {
    if (this.#mode === 'json') console.log(JSON.stringify({ event: 'piece', pieces: done, count }));
    const format = 'learning  {bar} {value} pieces of less than {total}  the last stood {count} times';
    this.#show(format, done, most, { count });
  }

  /** A sentence for either. */
  warn(warning: string): void {
    if (this.#mode === 'json') console.log(JSON.stringify({ event: 'warning', warning }));
    if (this.#mode === 'person') console.log(`Warning: ${warning}`);
  }

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
