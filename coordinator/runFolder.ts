/**
 * The files that a run leaves: config.json, tokenizer.json if it learns tokens, log.jsonl, ledger.jsonl, checkpoints, summary.json; with diagnostics,
 * diagnostics.jsonl and samples.jsonl.
 *
 * Lines are buffered, and safe on the disk before a checkpoint of their step is: after a crash the lines beyond the last
 * checkpoint are cut off, and the steps they spoke of are made again. Whatever is written goes through one queue
 * (diskQueue.ts), which waits while the disk is full.
 */
import { join } from 'node:path';
import * as z from 'zod';
import {
  type Checkpoint,
  type CheckpointTensor,
  checkpointName,
  checkpointSteps,
  type DamagedCheckpoint,
  type Keep,
  pruneCheckpoints,
  searchCheckpoint,
  setAside,
  writeCheckpoint,
} from '../core/checkpoint/store.ts';
import { type Cancel, type Clock, systemClock } from '../core/clock.ts';
import type { Disk } from '../core/disk/disk.ts';
import { mayPass } from '../core/disk/errors.ts';
import { openIfThere, replaceFile, temporaryOf } from '../core/disk/files.ts';
import { type FolderLock, lockFolder } from '../core/disk/lock.ts';
import { nodeDisk } from '../core/disk/nodeDisk.ts';
import { UserError } from '../core/errors.ts';
import type { Diagnostics, Samples } from '../core/protocol/diagnostics.ts';
import { keepTokenizer, TOKENIZER } from '../core/tokenizer/kept.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { DiskQueue } from './diskQueue.ts';
import { cannotWrite, notSaved, waitsForDisk } from './diskTrouble.ts';
import { jsonLines } from './jsonLines.ts';
import { type AnyLine, cutLines, JsonLog } from './jsonLog.ts';
import { CONFIG, type RunConfig, writeConfig } from './runConfig.ts';

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
/** How often a roll-back tries to read checkpoints on a disk that fails before it passes over them. */
const READ_ATTEMPTS = 4;
const SUMMARY = 'summary.json';
const LOG = 'log.jsonl';
const LEDGER = 'ledger.jsonl';
const DIAGNOSTICS = 'diagnostics.jsonl';
const SAMPLES = 'samples.jsonl';

/** What a folder tells of what it writes by itself. */
export interface FolderEvents {
  /** A checkpoint is on the disk. */
  saved?(step: number, seconds: number): void;
  /** The disk does not take what is written, and it is tried again until it does: why, in a sentence; null once it does. */
  stuck?(why: string | null): void;
  /** What was buffered cannot be written: the run cannot go on. */
  failed?(error: unknown): void;
}

/** Where a run is taken up again. */
export interface ResumedAt {
  readonly step: number;
  /** Whether the evaluations at `step` will be made again, so that their old lines go too. */
  readonly again: boolean;
  /** Newer checkpoints that were passed over. */
  readonly damaged: readonly DamagedCheckpoint[];
}

interface DueCheckpoint {
  readonly step: number;
  readonly tensors: readonly CheckpointTensor[];
  readonly keep: Keep;
}

/** @throws UserError if another process of this machine is at work in the run's folder */
export const lockRun = (dir: string, disk: Disk): Promise<FolderLock> => lockFolder(dir, 'run.lock', 'training', disk);

export class RunFolder {
  readonly dir: string;
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #lock: FolderLock;
  readonly #queue: DiskQueue;
  readonly #log: JsonLog;
  readonly #ledger: JsonLog;
  /** Most runs have no line of these. */
  readonly #diagnostics: JsonLog;
  readonly #samples: JsonLog;
  readonly #metadata: Record<string, string>;
  #events: FolderEvents = {};
  /** Whether it is new, and nothing worth keeping has been told to it. */
  #isBlank: boolean;
  #flushDue = false;
  #cancelFlush: Cancel = () => undefined;
  /** The first thing that could not be done: thrown at the next line of the log. */
  #failure: unknown = null;
  /** The checkpoint that waits for its turn. */
  #due: DueCheckpoint | null = null;
  /** The one that was asked for last, and whether it, or a later one, has been written. */
  #newest: { readonly step: number; readonly written: Promise<void> } | null = null;
  /** The step of the last checkpoint that was written or taken up. */
  #saved: number;

  private constructor(
    dir: string,
    config: RunConfig,
    lock: FolderLock,
    saved: number | null,
    disk: Disk,
    clock: Clock,
  ) {
    this.dir = dir;
    this.#disk = disk;
    this.#clock = clock;
    this.#lock = lock;
    this.#isBlank = saved === null;
    this.#saved = saved ?? 0;
    this.#queue = new DiskQueue(clock, (error) =>
      this.#events.stuck?.(error === null ? null : waitsForDisk(dir, error)),
    );
    this.#log = new JsonLog(disk, join(dir, LOG));
    this.#ledger = new JsonLog(disk, join(dir, LEDGER));
    this.#diagnostics = new JsonLog(disk, join(dir, DIAGNOSTICS));
    this.#samples = new JsonLog(disk, join(dir, SAMPLES));
    this.#metadata = { format: 'manygrad', recipe: JSON.stringify(config.recipe), dataSha256: config.dataSha256 };
  }

  /** A new run in `dir`, which must not hold one. @param kept its tokenizer, unless it spells characters. @throws UserError */
  static async create(
    dir: string,
    config: RunConfig,
    disk = nodeDisk,
    clock = systemClock,
    kept: Tokenizer | null = null,
  ): Promise<RunFolder> {
    try {
      const there = await openIfThere(disk, join(dir, CONFIG));
      await there?.close();
      if (there !== null)
        throw new UserError(
          `${dir} already holds a run: continue it with --resume ${dir}, or choose another folder with --out.`,
        );
      await disk.makeFolder(dir);
    } catch (error) {
      if (error instanceof UserError) throw error;
      throw new UserError(`${dir} cannot be written (${String(error)}): choose another folder with --out.`);
    }
    const lock = await lockRun(dir, disk);
    try {
      // Before the config, which says that there is a run.
      if (kept !== null) await keepTokenizer(dir, kept, disk);
      await writeConfig(dir, config, disk);
      return new RunFolder(dir, config, lock, null, disk, clock);
    } catch (error) {
      await lock.release();
      throw cannotWrite(dir, error);
    }
  }

  /**
   * Continues the run in `dir`, which holds the lock: what its files say of later steps is cut off.
   * @throws UserError, the lock as it was
   */
  static async resume(
    dir: string,
    config: RunConfig,
    { step, again, damaged }: ResumedAt,
    lock: FolderLock,
    disk = nodeDisk,
    clock = systemClock,
  ): Promise<RunFolder> {
    try {
      await writeConfig(dir, config, disk);
      // Before the lines of their steps go: whoever takes up the run after the next crash is not to find them whole.
      await setAside(dir, damaged, disk);
    } catch (error) {
      throw cannotWrite(dir, error);
    }
    const isPast = (line: AnyLine) => line.step < step || (line.step === step && (!again || line.loss !== undefined));
    await cutLines(disk, join(dir, LOG), isPast);
    for (const name of [LEDGER, DIAGNOSTICS, SAMPLES])
      await cutLines(disk, join(dir, name), (line) => line.step <= step);
    for (const name of [CONFIG, SUMMARY, LOG, LEDGER, DIAGNOSTICS, SAMPLES])
      await disk.remove(temporaryOf(join(dir, name)));
    return new RunFolder(dir, config, lock, step, disk, clock);
  }

  /** Tells what happens from now on. */
  watch(events: FolderEvents): void {
    this.#events = events;
  }

  log(line: { readonly step: number; readonly [key: string]: unknown }): void {
    if (this.#failure !== null) throw this.#failure;
    this.#push(this.#log, line);
  }

  ledger(line: LedgerLine): void {
    this.#isBlank = false;
    this.#push(this.#ledger, line);
  }

  /** What layers and parameters did at a step. */
  diagnostics(line: Diagnostics): void {
    this.#push(this.#diagnostics, line);
  }

  /** What the model writes. */
  samples(line: Samples): void {
    this.#push(this.#samples, line);
  }

  /** What the log says so far, line by line; what is no line of a log is passed over. */
  async *history(): AsyncGenerator<LogLine> {
    await this.flush();
    yield* jsonLines(join(this.dir, LOG), logLineSchema, this.#disk);
  }

  /** Writes what is buffered, which happens by itself now and then; a crash of the machine may yet undo it. */
  flush(): Promise<void> {
    return this.#do(() => this.#flush(false));
  }

  /**
   * Writes a checkpoint, its step's lines before it, and removes old ones. One is written at a time: of those that fall due
   * meanwhile only the newest is. The same step is written once.
   * @param tensors called at once, if at all: what must be a copy of what trains on
   * @returns a promise that resolves when it, or a later one in its place, is safe on the disk
   */
  checkpoint(step: number, tensors: () => readonly CheckpointTensor[], keep: Keep): Promise<void> {
    if (this.#newest?.step === step) return this.#newest.written;
    // One that waits for its turn gives it to this one.
    const turn = this.#due === null ? undefined : this.#newest?.written;
    this.#due = { step, tensors: tensors(), keep };
    const written = turn ?? this.#writeDue();
    this.#newest = { step, written };
    return written;
  }

  #writeDue(): Promise<void> {
    let due: DueCheckpoint | null = null;
    const written = this.#do(async () => {
      // One that the disk did not take gives way to the one that has fallen due since.
      due = this.#due ?? due;
      this.#due = null;
      if (due === null) return;
      const { step, tensors, keep } = due;
      const from = this.#clock.now();
      await this.#flush(true);
      await writeCheckpoint(this.dir, step, tensors, this.#metadata, this.#disk);
      this.#saved = step;
      await pruneCheckpoints(this.dir, keep, step, this.#disk);
      this.#events.saved?.(step, (this.#clock.now() - from) / 1000);
    });
    written.catch(() => {
      if (this.#newest?.written === written) this.#newest = null;
    });
    return written;
  }

  /**
   * Goes back to the newest whole checkpoint of `step` or an earlier one, for the run to go on from there: drops later
   * checkpoints, and every line about a step beyond it, those included that come late. Until it has resolved, no step may be told.
   * @returns the checkpoint; null if there is none, and the run is to start again from its first values
   * @throws UserError
   */
  rollBack(step: number): Promise<Checkpoint | null> {
    this.#newest = null;
    let attempts = 0;
    return this.#do(async () => {
      const { found, damaged } = await searchCheckpoint(this.dir, this.#disk, step);
      const failing = damaged.find(({ error }) => mayPass(error));
      if (failing !== undefined && ++attempts < READ_ATTEMPTS) throw failing.error;
      const last = found?.step ?? 0;
      // First the checkpoints: a crash in between leaves lines to be cut off, and no checkpoint without its lines.
      await setAside(this.dir, damaged, this.#disk);
      const later = (await checkpointSteps(this.dir, this.#disk)).filter((s) => found === null || s > last);
      for (const s of later.toReversed()) await this.#disk.remove(join(this.dir, checkpointName(s)));
      await this.#disk.syncFolder(this.dir);
      for (const log of this.#logs()) await log.cut(last);
      this.#saved = last;
      this.#flushSoon();
      return found;
    });
  }

  /** Waits no longer for a disk that is full or fails: what it does not take at the next attempt is an error. */
  giveUp(): void {
    this.#queue.giveUp();
  }

  /** @throws UserError */
  async summary(summary: object): Promise<void> {
    this.#isBlank = false;
    const bytes = new TextEncoder().encode(`${JSON.stringify(summary, null, 2)}\n`);
    await this.#do(() => replaceFile(this.#disk, join(this.dir, SUMMARY), (handle) => handle.write(bytes)));
  }

  /**
   * Writes what is buffered, and lets the folder go. A new run that has made no step leaves nothing behind.
   * @throws UserError if that cannot be written, and no failure was told before
   */
  async close(): Promise<void> {
    const before = this.#failure;
    this.#cancelFlush();
    try {
      await this.#do(() => this.#flush(true));
    } catch (error) {
      if (before === null) throw error;
    } finally {
      try {
        for (const log of this.#logs()) await log.close();
        if (this.#isBlank) for (const name of [CONFIG, TOKENIZER, LOG]) await this.#disk.remove(join(this.dir, name));
      } finally {
        await this.#lock.release();
      }
    }
  }

  #logs(): JsonLog[] {
    return [this.#log, this.#ledger, this.#diagnostics, this.#samples];
  }

  #push(log: JsonLog, line: { readonly step: number }): void {
    log.push(line);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushDue) return;
    this.#flushDue = true;
    this.#cancelFlush = this.#clock.after(FLUSH_MS, () => {
      const flushed = this.#do(() => {
        this.#flushDue = false;
        return this.#flush(false);
      });
      flushed.catch((error: unknown) => this.#events.failed?.(error));
    });
  }

  async #flush(safely: boolean): Promise<void> {
    for (const log of this.#logs()) await log.flush(safely);
  }

  /** Queues what is to be done. @throws UserError if the disk does not let it be done */
  async #do<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      return await this.#queue.add(attempt);
    } catch (error) {
      const told = mayPass(error) ? notSaved(this.dir, this.#saved, error) : cannotWrite(this.dir, error);
      this.#failure ??= told;
      throw told;
    }
  }
}
