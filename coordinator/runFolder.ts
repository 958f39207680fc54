/**
 * The files that a run leaves: config.json, log.jsonl, ledger.jsonl, checkpoints, summary.json; with diagnostics,
 * diagnostics.jsonl and samples.jsonl.
 *
 * Lines are buffered, and on the disk before a checkpoint of their step is: after a crash the lines beyond the last
 * checkpoint are cut off, and the steps they spoke of are made again.
 */
import {
  closeSync,
  createReadStream,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as z from 'zod';
import { type CheckpointTensor, pruneCheckpoints, writeCheckpoint } from '../core/checkpoint/store.ts';
import { UserError } from '../core/errors.ts';
import type { Diagnostics, Samples } from '../core/protocol/diagnostics.ts';
import { recipeSchema } from '../models/recipe.ts';
import { lockRun, type RunLock } from './runLock.ts';

const runConfigSchema = z.strictObject({
  format: z.literal('manygrad-run-1'),
  recipe: recipeSchema,
  /** SHA-256 of the data file's bytes: with the recipe, all that the trajectory depends on. */
  dataSha256: z.string(),
});

export type RunConfig = z.infer<typeof runConfigSchema>;

/** One training step in ledger.jsonl: who computed which micro-batches. */
export interface LedgerLine {
  readonly step: number;
  /** In the order of arrival: first micro-batch, examples of each, and the worker. */
  readonly blocks: readonly { readonly lo: number; readonly counts: readonly number[]; readonly by: string }[];
}

/** A line of log.jsonl: a step with its `loss`, or an evaluation with its `trainLoss` or `valLoss`. */
export const logLineSchema = z.object({
  step: z.number(),
  loss: z.number().optional(),
  gradNorm: z.number().optional(),
  lr: z.number().optional(),
  tokensPerSecond: z.number().optional(),
  trainLoss: z.number().optional(),
  valLoss: z.number().optional(),
});

export type LogLine = z.infer<typeof logLineSchema>;

const FLUSH_MS = 500;
const LOG = 'log.jsonl';
const LEDGER = 'ledger.jsonl';
const DIAGNOSTICS = 'diagnostics.jsonl';
const SAMPLES = 'samples.jsonl';

export class RunFolder {
  readonly dir: string;
  readonly #isNew: boolean;
  readonly #lock: RunLock;
  readonly #log: Lines;
  readonly #ledger: Lines;
  /** Begun with their first line: most runs have none. */
  #diagnostics: Lines | null = null;
  #samples: Lines | null = null;
  readonly #metadata: Record<string, string>;
  readonly #timer: NodeJS.Timeout;
  /** What a flush between steps ran into: thrown at the next line. */
  #failure: unknown = null;

  private constructor(dir: string, config: RunConfig, isNew: boolean, lock: RunLock) {
    this.dir = dir;
    this.#isNew = isNew;
    this.#lock = lock;
    this.#log = new Lines(join(dir, LOG));
    this.#ledger = new Lines(join(dir, LEDGER));
    this.#metadata = { format: 'manygrad', recipe: JSON.stringify(config.recipe), dataSha256: config.dataSha256 };
    this.#timer = setInterval(() => this.#flush(), FLUSH_MS).unref();
  }

  /** A new run in `dir`, which must not hold one. @throws UserError */
  static create(dir: string, config: RunConfig): RunFolder {
    if (existsSync(join(dir, 'config.json')))
      throw new UserError(
        `${dir} already holds a run: continue it with --resume ${dir}, or choose another folder with --out.`,
      );
    try {
      mkdirSync(dir, { recursive: true });
    } catch (error) {
      throw new UserError(`${dir} cannot be written (${String(error)}): choose another folder with --out.`);
    }
    const lock = lockRun(dir);
    writeAtomically(join(dir, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    return new RunFolder(dir, config, true, lock);
  }

  /**
   * Continues the run in `dir` after `step`: what its files say of later steps is cut off.
   * @param again whether the evaluations at `step` will be made again, so that their old lines go too
   */
  static resume(dir: string, config: RunConfig, step: number, again: boolean, lock: RunLock): RunFolder {
    writeAtomically(join(dir, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    cutAfter(join(dir, LOG), (line) => line.step < step || (line.step === step && (!again || line.loss !== undefined)));
    for (const name of [LEDGER, DIAGNOSTICS, SAMPLES]) cutAfter(join(dir, name), (line) => line.step <= step);
    return new RunFolder(dir, config, false, lock);
  }

  /** @throws UserError if the folder holds no run, or a damaged config.json */
  static readConfig(dir: string): RunConfig {
    const file = join(dir, 'config.json');
    if (!existsSync(file))
      throw new UserError(`${dir} holds no run (there is no ${file}): give the folder that a run was written to.`);
    try {
      return runConfigSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    } catch {
      throw new UserError(`${file} is damaged or of another version: restore it, or start a new run with --out.`);
    }
  }

  log(line: { readonly step: number; readonly [key: string]: unknown }): void {
    if (this.#failure !== null) throw this.#failure;
    this.#log.push(line);
  }

  /** What the log says so far, line by line; what is no line of a log is passed over. */
  async *history(): AsyncGenerator<LogLine> {
    this.#flush();
    const input = createReadStream(join(this.dir, LOG));
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      const line = logLineSchema.safeParse(parseJson(text));
      if (line.success) yield line.data;
    }
  }

  ledger(line: LedgerLine): void {
    this.#ledger.push(line);
  }

  /** What layers and parameters did at a step. */
  diagnostics(line: Diagnostics): void {
    this.#diagnostics ??= new Lines(join(this.dir, DIAGNOSTICS));
    this.#diagnostics.push(line);
  }

  /** What the model writes. */
  samples(line: Samples): void {
    this.#samples ??= new Lines(join(this.dir, SAMPLES));
    this.#samples.push(line);
  }

  /** Writes a checkpoint, its step's lines before it, and removes old ones. */
  async checkpoint(step: number, tensors: readonly CheckpointTensor[], keep: number): Promise<void> {
    for (const lines of this.#lines()) lines.flush(true);
    await writeCheckpoint(this.dir, step, tensors, this.#metadata);
    await pruneCheckpoints(this.dir, keep, step);
  }

  summary(summary: object): void {
    writeAtomically(join(this.dir, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  }

  /** Writes what is buffered, and lets the folder go. A new run that has made no step leaves nothing behind. */
  close(): void {
    clearInterval(this.#timer);
    this.#flush();
    for (const lines of this.#lines()) lines.close();
    if (this.#isNew && !existsSync(join(this.dir, 'summary.json')) && statSync(join(this.dir, LEDGER)).size === 0)
      for (const name of ['config.json', LOG, LEDGER]) rmSync(join(this.dir, name));
    this.#lock.release();
  }

  #lines(): Lines[] {
    return [this.#log, this.#ledger, this.#diagnostics, this.#samples].filter((lines) => lines !== null);
  }

  #flush(): void {
    try {
      for (const lines of this.#lines()) lines.flush(false);
    } catch (error) {
      this.#failure = error;
    }
  }
}

/** Appends JSON lines to a file. */
class Lines {
  readonly #file: string;
  readonly #fd: number;
  #buffered: string[] = [];

  constructor(file: string) {
    this.#file = file;
    this.#fd = openSync(file, 'a');
  }

  push(line: object): void {
    this.#buffered.push(JSON.stringify(line));
  }

  /** @throws UserError if the disk does not take it */
  flush(durably: boolean): void {
    const text = this.#buffered.map((line) => `${line}\n`).join('');
    this.#buffered = [];
    try {
      if (text !== '') writeFileSync(this.#fd, text);
      if (durably) fsyncSync(this.#fd);
    } catch (error) {
      throw new UserError(
        `${this.#file} cannot be written (${String(error)}): make room, then continue with --resume.`,
      );
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Keeps the lines that `keep` says, and drops a last line cut short by a crash. */
function cutAfter(file: string, keep: (line: { step: number; loss?: number }) => boolean): void {
  if (!existsSync(file)) return;
  const kept = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => {
      try {
        return keep(JSON.parse(line));
      } catch {
        return false;
      }
    });
  writeAtomically(file, kept.map((line) => `${line}\n`).join(''));
}

function writeAtomically(file: string, text: string): void {
  const temporary = `${file}.tmp`;
  const fd = openSync(temporary, 'w');
  writeFileSync(fd, text);
  fsyncSync(fd);
  closeSync(fd);
  renameSync(temporary, file);
}
