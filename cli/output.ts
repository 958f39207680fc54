/** What a command prints: for a person (progress line and messages), as JSON lines, or nothing. */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';

export type OutputMode = 'person' | 'json' | 'quiet';

export function outputMode({ json, quiet }: { json: boolean; quiet: boolean }): OutputMode {
  return json ? 'json' : quiet ? 'quiet' : 'person';
}

export interface ProgressState {
  readonly step: number;
  readonly loss: number;
  readonly lr: number;
  readonly workers: number;
  /** Of all workers together. */
  readonly threads: number;
}

/** How much `--log` is told (log.ts). */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** How often the line is printed where there is no terminal to redraw it on. */
const NO_TERMINAL_MS = 10_000;

/** Stands between samples of text, which may have blank lines of their own. */
export const RULE = '-'.repeat(40);

const FORMAT = 'step {value}/{total} {bar} loss {loss}  lr {lr}  {rate} steps/s  {workers}  {left} left';

/** The live line of a training run, with messages above it; a plain line now and then where output is no terminal. */
export class TrainingOutput {
  readonly #mode: OutputMode;
  readonly #steps: number;
  readonly #from: number;
  readonly #startedAt = performance.now();
  #bars: MultiBar | null = null;
  #bar: SingleBar | null = null;
  #printedAt = performance.now();

  constructor(mode: OutputMode, steps: number, from: number) {
    this.#mode = mode;
    this.#steps = steps;
    this.#from = from;
    if (mode !== 'person' || !process.stderr.isTTY) return;
    this.#bars = new MultiBar({ format: FORMAT, barsize: 20, hideCursor: true, fps: 5 }, Presets.shades_classic);
    this.#bar = this.#bars.create(steps, from, { loss: '-', lr: '-', rate: '-', workers: 'no workers', left: '-' });
  }

  progress({ step, loss, lr, workers, threads }: ProgressState): void {
    if (this.#mode !== 'person') return;
    const now = performance.now();
    if (this.#bar === null && now - this.#printedAt < NO_TERMINAL_MS) return;
    const rate = ((step - this.#from) * 1000) / (now - this.#startedAt);
    const shown = {
      loss: loss.toFixed(4),
      lr: lr.toPrecision(3),
      rate: rate < 10 ? rate.toFixed(1) : rate.toFixed(0),
      workers: counted(threads, 'thread') + (workers === 1 ? '' : ` of ${counted(workers, 'worker')}`),
      left: duration((this.#steps - step) / rate),
    };
    if (this.#bar !== null) return this.#bar.update(step, shown);
    this.#printedAt = now;
    const { rate: steps, left } = shown;
    console.log(
      `step ${step}/${this.#steps}  loss ${shown.loss}  lr ${shown.lr}  ${steps} steps/s  ${shown.workers}  ${left} left`,
    );
  }

  /** A line for a person, above the progress line. */
  say(text: string): void {
    if (this.#bars !== null) this.#bars.log(`${text}\n`);
    else if (this.#mode === 'person') console.log(text);
  }

  /** Sentences for either. */
  warn(warnings: readonly string[]): void {
    for (const warning of warnings) {
      this.say(`Warning: ${warning}`);
      this.event({ event: 'warning', warning });
    }
  }

  /** A sentence for a person who wanted to read nothing but errors, too. */
  alarm(text: string): void {
    this.say(`Warning: ${text}`);
    if (this.#mode === 'quiet') console.error(`manygrad: ${text}`);
  }

  /** A line for a program. */
  event(event: { readonly event: string; readonly [key: string]: unknown }): void {
    if (this.#mode === 'json') console.log(JSON.stringify(event));
  }

  /** Ends the live line; `say` then prints plainly. */
  stop(): void {
    this.#bars?.stop();
    this.#bars = null;
    this.#bar = null;
  }
}

/** What a flag was given for a number: the parser makes NaN of what is none. */
export const inWords = (value: number): string => (Number.isNaN(value) ? 'what is no number' : `${value}`);

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Seconds as a person reads them: 42s, 3m05s, 2h10m. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '-';
  const s = Math.round(seconds);
  if (s < 60) return `${s}s`;
  if (s < 3600) return `${Math.floor(s / 60)}m${String(s % 60).padStart(2, '0')}s`;
  return `${Math.floor(s / 3600)}h${String(Math.floor((s % 3600) / 60)).padStart(2, '0')}m`;
}
