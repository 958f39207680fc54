/**
 * A training run: the machine's events and actions, joined to the workers, the numbers, the data and the files.
 *
 * Everything here happens in one thread and, but for checkpoints, at once: a result is checked, added and answered by the
 * next lease before the next message is looked at.
 */
import { isAligned } from '../core/allreduce/treeSum.ts';
import type { CheckpointTensor } from '../core/checkpoint/store.ts';
import type { Result, WorkerEvents, WorkerKind, WorkerPort } from '../core/protocol/work.ts';
import type { Batches } from './batches.ts';
import { type Action, type Block, type EvalSplit, type Event, Machine, type Round, type WorkerId } from './machine.ts';
import type { RunOptions } from './options.ts';
import type { LedgerLine, RunFolder } from './runFolder.ts';
import { divergence, type Flaw, type StepReport, type Trainer } from './trainer.ts';

export interface RunParts {
  readonly trainer: Trainer;
  readonly batches: Batches;
  readonly folder: RunFolder;
  readonly options: RunOptions;
  /** Steps in all. */
  readonly steps: number;
}

/** What a run tells about itself as it goes. */
export interface RunObserver {
  onStep?(report: StepReport & { readonly step: number; readonly workers: number; readonly threads: number }): void;
  onEvaluation?(report: { readonly step: number; readonly split: EvalSplit; readonly loss: number }): void;
  onCheckpoint?(step: number): void;
  onWorker?(change: {
    readonly name: string;
    readonly kind: WorkerKind;
    readonly joined: boolean;
    readonly reason: string;
  }): void;
}

export interface RunEnd {
  /** False if it was stopped before its last step. */
  readonly complete: boolean;
  readonly steps: number;
  /** Of the whole splits, in evaluation mode, at the end; null if it was stopped. */
  readonly trainLoss: number | null;
  readonly valLoss: number | null;
  readonly parameters: number;
  readonly paramsSha256: string;
  readonly buffersSha256: string;
  readonly seconds: number;
  /** Of this process's training steps, evaluation left out. */
  readonly tokensPerSecond: number;
  /** Names of the workers whose work was accepted. */
  readonly workersSeen: readonly string[];
}

/** A worker on its way in: `events` are for its port, `join` admits it. */
export interface Connection {
  readonly id: WorkerId;
  readonly events: WorkerEvents;
  /** @param holds the version of the state that it holds already */
  join(port: WorkerPort, holds?: number | null): void;
}

interface Peer {
  readonly port: WorkerPort;
  readonly label: string;
  version: number;
}

/** How often the machine looks for leases that are overdue. */
const TICK_MS = 500;

export class TrainingRun {
  readonly ended: Promise<RunEnd>;
  readonly #parts: RunParts;
  readonly #observer: RunObserver;
  readonly #machine: Machine;
  readonly #peers = new Map<WorkerId, Peer>();
  readonly #seen = new Set<string>();
  readonly #resolve: (end: RunEnd) => void;
  readonly #reject: (error: unknown) => void;
  /** Workers to wait for; infinite before `start` and once it has begun. */
  #minWorkers = Number.POSITIVE_INFINITY;
  #ticks: NodeJS.Timeout | undefined;
  #over = false;
  /** Results of the step under way that were not finite. */
  #notFinite = 0;
  #nextId = 1;
  #blocks: { lo: number; counts: readonly number[]; by: string }[] = [];
  #round: Round | null = null;
  /** Of the evaluation under way, by micro-batch: the loss must not depend on the order of arrival. */
  #evaluation: { loss: number; count: number }[] = [];
  #losses: Record<EvalSplit, number | null> = { train: null, val: null };
  /** Checkpoints are written one after the other while training goes on. */
  #writing: Promise<void> = Promise.resolve();
  readonly #startedAt = performance.now();
  #roundOpenedAt = 0;
  #trainingMs = 0;
  #trainedOn = 0;

  constructor(parts: RunParts, observer: RunObserver = {}) {
    this.#parts = parts;
    this.#observer = observer;
    const { trainer, batches, options, steps } = parts;
    this.#machine = new Machine({
      startStep: trainer.step,
      steps,
      microBatches: batches.microBatches,
      evalMicroBatches: batches.evalMicroBatches,
      evalEvery: options.evalEvery,
      checkpointEvery: options.checkpointEvery,
    });
    const { promise, resolve, reject } = Promise.withResolvers<RunEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Whoever waits for the end is told; until somebody does, a failure is not yet anybody's fault.
    promise.catch(() => undefined);
  }

  /** Begins, or goes on, once `minWorkers` workers are there; leases go out as soon as there is one to take them. */
  start(minWorkers = 0): void {
    this.#minWorkers = minWorkers;
    this.#ticks = setInterval(() => this.#tell({ type: 'tick' }), TICK_MS);
    this.#startIfEnough();
  }

  #startIfEnough(): void {
    if (this.#peers.size < this.#minWorkers) return;
    this.#minWorkers = Number.POSITIVE_INFINITY;
    this.#tell({ type: 'start' });
  }

  /** Abandons the round under way, writes a checkpoint and ends. */
  stop(): void {
    this.#tell({ type: 'stop' });
  }

  /** Prepares to admit a worker. */
  connect(): Connection {
    const id = this.#nextId++;
    return {
      id,
      events: {
        result: (result) => this.#result(id, result),
        progress: () => undefined,
        left: (reason) => this.#left(id, reason),
      },
      join: (port, holds = null) => {
        const label = port.kind === 'threads' ? port.name : `${port.name}#${id}`;
        this.#peers.set(id, { port, label, version: holds ?? -1 });
        this.#observer.onWorker?.({ name: label, kind: port.kind, joined: true, reason: '' });
        this.#tell({ type: 'joined', worker: id, slots: port.slots });
        this.#startIfEnough();
      },
    };
  }

  #result(id: WorkerId, result: Result): void {
    const block: Block = { lo: result.lo, size: result.size };
    const round = this.#round;
    // A result of no open lease is the machine's to judge; a lease's result is first looked through.
    if (round !== null && result.round === round.id && isAligned(block.lo, block.size, round.microBatches)) {
      const counts = this.#parts.batches.counts(round, block);
      const flaw = this.#parts.trainer.flaw(result, counts, round.mode === 'train', this.#trusts(id));
      if (flaw !== null) return this.#refuse(id, flaw);
    }
    this.#tell({ type: 'result', worker: id, round: result.round, block }, result);
  }

  /** Whether a worker is our own threads, which run our own code on our own numbers. */
  #trusts(id: WorkerId): boolean {
    return this.#peers.get(id)?.port.kind === 'threads';
  }

  /** Sends away a worker for what it sent. Where that shows that training has diverged, ends the run instead. */
  #refuse(id: WorkerId, { what, finite }: Flaw): void {
    const trusted = this.#trusts(id);
    if (!finite) this.#notFinite++;
    // An honest worker, too, finds no finite gradient at parameters that have run away; let it come back.
    if (!finite && (trusted || (this.#notFinite > 1 && this.#peers.size === 1)))
      return this.#fail(divergence(this.#parts.trainer.step + 1, 'a worker found no finite gradient'));
    this.#expel(id, `it sent ${what}`, finite);
    this.#tell({ type: 'left', worker: id });
  }

  #left(id: WorkerId, reason: string): void {
    if (this.#forget(id, reason) !== null) this.#tell({ type: 'left', worker: id });
  }

  /** Takes a worker off the list. @returns its port, or null if it was not on it */
  #forget(id: WorkerId, reason: string): WorkerPort | null {
    const peer = this.#peers.get(id);
    if (peer === undefined) return null;
    this.#peers.delete(id);
    this.#observer.onWorker?.({ name: peer.label, kind: peer.port.kind, joined: false, reason });
    // Our own threads run our own code on our own numbers: others would fail in the same way.
    if (peer.port.kind === 'threads') this.#fail(new Error(`the local worker was lost: ${reason}`));
    return peer.port;
  }

  /** Ends the run by an error: nothing more is committed. */
  #fail(error: unknown): void {
    this.#over = true;
    clearInterval(this.#ticks);
    this.#reject(error);
  }

  /** Tells the machine of an event, and does what it says. */
  #tell(event: Event, result?: Result): void {
    if (this.#over) return;
    try {
      for (const action of this.#machine.handle(event, performance.now())) this.#act(action, result);
    } catch (error) {
      this.#fail(error);
    }
  }

  #act(action: Action, result: Result | undefined): void {
    switch (action.type) {
      case 'open':
        return this.#open(action.round);
      case 'assign':
        return this.#assign(action.worker, action.round, action.block);
      case 'accept':
        if (result === undefined) throw new Error('a result was accepted that nobody reported');
        return this.#accept(action.worker, action.round, action.block, result);
      case 'expel':
        return this.#expel(action.worker, action.reason, true);
      case 'commit':
        return action.round.mode === 'train' ? this.#commitStep() : this.#commitEvaluation(action.round);
      case 'checkpoint':
        return this.#checkpoint(action.step);
      case 'finish':
        return this.#finish(action.complete);
      default:
        return action satisfies never;
    }
  }

  #open(round: Round): void {
    this.#blocks = [];
    this.#notFinite = 0;
    this.#evaluation = [];
    this.#round = round;
    this.#roundOpenedAt = performance.now();
    if (round.mode === 'train') this.#parts.trainer.begin(round.microBatches);
  }

  #assign(id: WorkerId, round: Round, block: Block): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    const { state } = this.#parts.trainer;
    if (peer.version !== state.version) {
      peer.port.sendState(state);
      peer.version = state.version;
    }
    peer.port.sendWork(this.#parts.batches.work(round, block));
  }

  #accept(id: WorkerId, round: Round, { lo, size }: Block, result: Result): void {
    if (round.mode === 'train') this.#parts.trainer.accept(lo, size, result);
    else
      for (const [i, loss] of result.losses.entries())
        this.#evaluation[lo + i] = { loss, count: result.counts[i] as number };
    const by = this.#peers.get(id)?.label ?? `#${id}`;
    this.#seen.add(this.#peers.get(id)?.port.name ?? by);
    this.#blocks.push({ lo, counts: result.counts, by });
  }

  #expel(id: WorkerId, reason: string, final: boolean): void {
    this.#forget(id, reason)?.close(reason, final);
  }

  #commitStep(): void {
    const { trainer, folder } = this.#parts;
    const report = trainer.update();
    const ms = performance.now() - this.#roundOpenedAt;
    this.#trainingMs += ms;
    this.#trainedOn += report.count;
    const { loss, lr, gradNorm, count } = report;
    const { step } = trainer;
    const workers = this.#peers.size;
    const tokensPerSecond = Math.round((count / ms) * 1000);
    folder.log({ step, loss, lr, gradNorm, tokensPerSecond, workers });
    folder.ledger({ step, blocks: this.#blocks } satisfies LedgerLine);
    const threads = [...this.#peers.values()].reduce((n, { port }) => n + port.slots, 0);
    this.#observer.onStep?.({ ...report, step, workers, threads });
  }

  #commitEvaluation({ step, split }: Round & { mode: 'eval' }): void {
    let [sum, count] = [0, 0];
    for (const part of this.#evaluation) {
      sum += part.loss;
      count += part.count;
    }
    const loss = sum / count;
    this.#losses[split] = loss;
    this.#parts.folder.log({ step, [`${split}Loss`]: loss });
    this.#observer.onEvaluation?.({ step, split, loss });
  }

  #checkpoint(step: number): void {
    const tensors = this.#parts.trainer.tensors();
    this.#writing = this.#writing.then(() => this.#write(step, tensors));
    this.#writing.catch((error: unknown) => this.#fail(error));
  }

  async #write(step: number, tensors: readonly CheckpointTensor[]): Promise<void> {
    await this.#parts.folder.checkpoint(step, tensors, this.#parts.options.keepCheckpoints);
    this.#observer.onCheckpoint?.(step);
  }

  #finish(complete: boolean): void {
    clearInterval(this.#ticks);
    const { trainer } = this.#parts;
    if (!complete) this.#checkpoint(trainer.step);
    const end: RunEnd = {
      complete,
      steps: trainer.step,
      trainLoss: complete ? this.#losses.train : null,
      valLoss: complete ? this.#losses.val : null,
      parameters: trainer.parameterCount,
      ...trainer.hashes(),
      seconds: (performance.now() - this.#startedAt) / 1000,
      tokensPerSecond: this.#trainingMs === 0 ? 0 : Math.round((this.#trainedOn / this.#trainingMs) * 1000),
      workersSeen: [...this.#seen],
    };
    this.#writing.then(
      () => this.#resolve(end),
      (error: unknown) => this.#reject(error),
    );
  }
}
