/**
 * The files that a run leaves: config.json, log.jsonl, ledger.jsonl, checkpoints, summary.json.
 *
 * Lines are buffered, and on the disk before a checkpoint of their step is: after a crash the lines beyond the last
 * checkpoint are cut off, and the steps they spoke of are made again.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type CheckpointTensor, pruneCheckpoints, writeCheckpoint } from '../core/checkpoint/store.ts';
import { UserError } from '../core/errors.ts';
import { recipeSchema } from '../models/recipe.ts';

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

const FLUSH_MS = 500;
const LOG = 'log.jsonl';
const LEDGER = 'ledger.jsonl';

export class RunFolder {
  readonly dir: string;
  readonly #log: Lines;
  readonly #ledger: Lines;
  readonly #metadata: Record<string, string>;
  readonly #timer: NodeJS.Timeout;

  private constructor(dir: string, config: RunConfig) {
    this.dir = dir;
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
      writeAtomically(join(dir, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    } catch (error) {
      throw new UserError(`${dir} cannot be written (${String(error)}): choose another folder with --out.`);
    }
    return new RunFolder(dir, config);
  }

  /** Continues the run in `dir` after `step`: what its files say of later steps is cut off. */
  static resume(dir: string, config: RunConfig, step: number): RunFolder {
    writeAtomically(join(dir, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
    for (const name of [LOG, LEDGER]) cutAfter(join(dir, name), step);
    return new RunFolder(dir, config);
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
    this.#log.push(line);
  }

  ledger(line: LedgerLine): void {
    this.#ledger.push(line);
  }

  /** Writes a checkpoint, its step's lines before it, and removes old ones. */
  async checkpoint(step: number, tensors: readonly CheckpointTensor[], keep: number): Promise<void> {
    this.#log.flush(true);
    this.#ledger.flush(true);
    await writeCheckpoint(this.dir, step, tensors, this.#metadata);
    await pruneCheckpoints(this.dir, keep, step);
  }

  summary(summary: object): void {
    writeAtomically(join(this.dir, 'summary.json'), `${JSON.stringify(summary, null, 2)}\n`);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#log.close();
    this.#ledger.close();
  }

  #flush(): void {
    this.#log.flush(false);
    this.#ledger.flush(false);
  }
}

/** Appends JSON lines to a file. */
class Lines {
  readonly #fd: number;
  #buffered: string[] = [];

  constructor(file: string) {
    this.#fd = openSync(file, 'a');
  }

  push(line: object): void {
    this.#buffered.push(JSON.stringify(line));
  }

  flush(durably: boolean): void {
    if (this.#buffered.length > 0) writeSync(this.#fd, `${this.#buffered.join('\n')}\n`);
    this.#buffered = [];
    if (durably) fsyncSync(this.#fd);
  }

  close(): void {
    this.flush(true);
    closeSync(this.#fd);
  }
}

/** Drops the lines of later steps than `step`, and a last line cut short by a crash. */
function cutAfter(file: string, step: number): void {
  if (!existsSync(file)) return;
  const kept = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => {
      try {
        return JSON.parse(line).step <= step;
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
