/**
 * A training run: the machine's events and actions, joined to the workers, the numbers, the data and the files.
 *
 * Everything here happens in one thread and, but for checkpoints, at once: a result is checked, added and answered by the
 * next lease before the next message is looked at.
 */
import { isAligned } from '../core/allreduce/treeSum.ts';
import type { CheckpointTensor } from '../core/checkpoint/store.ts';
import { type Cancel, type Clock, systemClock } from '../core/clock.ts';
import type { LayerRecord } from '../core/protocol/diagnostics.ts';
import type { Phase } from '../core/protocol/live.ts';
import type { Result, WorkerPort } from '../core/protocol/work.ts';
import type { Batches } from './batches.ts';
import { EvaluationSum } from './evaluation.ts';
import { type Action, type Block, type EvalSplit, type Event, Machine, type Round, type WorkerId } from './machine.ts';
import { FanOut, type RunEnd, type RunObserver } from './observer.ts';
import type { RunOptions } from './options.ts';
import { bringUpToDate, type Connection, type Peer, Peers } from './peers.ts';
import type { LedgerLine, RunFolder } from './runFolder.ts';
import { Stopwatch } from './stopwatch.ts';
import { Divergence, type Flaw, type Trainer } from './trainer.ts';

export type { Connection, RunEnd };

export interface RunParts {
  readonly trainer: Trainer;
  readonly batches: Batches;
  readonly folder: RunFolder;
  readonly options: RunOptions;
  /** Steps in all. */
  readonly steps: number;
}

/** How often the machine looks for leases that are overdue. */
const TICK_MS = 100;

export class TrainingRun {
  readonly ended: Promise<RunEnd>;
  readonly #parts: RunParts;
  readonly #observers = new FanOut();
  readonly #machine: Machine;
  readonly #peers = new Peers();
  readonly #seen = new Set<string>();
  readonly #resolve: (end: RunEnd) => void;
  readonly #reject: (error: unknown) => void;
  /** Workers to wait for; infinite before `start` and once it has begun. */
  #minWorkers = Number.POSITIVE_INFINITY;
  #stopTicks: Cancel = () => {};
  #phase: Phase = 'waiting';
  #over = false;
  /** Results of the step under way that were not finite. */
  #notFinite = 0;
  #nextId = 1;
  #blocks: { lo: number; counts: readonly number[]; by: string }[] = [];
  #round: Round | null = null;
  /** What the layers were seen to do before the step that comes next, if anybody looked. */
  #layers: readonly LayerRecord[] | null = null;
  readonly #evaluation = new EvaluationSum();
  #losses: Record<EvalSplit, number | null> = { train: null, val: null };
  /** Checkpoints are written one after the other while training goes on. */
  #writing: Promise<void> = Promise.resolve();
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #stopwatch: Stopwatch;

  constructor(parts: RunParts, observer: RunObserver = {}, clock: Clock = systemClock) {
    this.#parts = parts;
    this.#clock = clock;
    this.#startedAt = clock.now();
    this.#stopwatch = new Stopwatch(clock);
    this.observe(observer);
    const { trainer, batches, options, steps } = parts;
    this.#machine = new Machine({
      startStep: trainer.step,
      steps,
      microBatches: batches.microBatches,
      evalMicroBatches: batches.evalMicroBatches,
      evalEvery: options.evalEvery,
      checkpointEvery: options.checkpointEvery,
      diagnoseEvery: options.diagnoseEvery,
      verify: 'off',
    });
    const { promise, resolve, reject } = Promise.withResolvers<RunEnd>();
    this.ended = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    // Whoever waits for the end is told; until somebody does, a failure is not yet anybody's fault.
    promise.catch(() => undefined);
  }

  /** Tells one more observer, from now on. */
  observe(observer: RunObserver): void {
    this.#observers.add(observer);
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** Begins, or goes on, once `minWorkers` workers are there; leases go out as soon as there is one to take them. */
  start(minWorkers = 0): void {
    this.#minWorkers = minWorkers;
    this.#stopTicks = this.#clock.every(TICK_MS, () => this.#tell({ type: 'tick' }));
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

  /** Hands out no more leases until `resume`; answers to those under way are taken. */
  pause(): void {
    this.#stopwatch.pause();
    this.#tell({ type: 'pause' });
  }

  resume(): void {
    this.#stopwatch.resume();
    this.#tell({ type: 'resume' });
  }

  /** Writes a checkpoint of the parameters as they are. Resolves when it is on the disk. */
  checkpointNow(): Promise<void> {
    this.#tell({ type: 'checkpoint' });
    return this.#writing;
  }

  /** Sends a worker away, not to come back. @returns null, or a sentence saying why that cannot be */
  kick(id: WorkerId): string | null {
    if (this.#peers.get(id) === undefined) return 'there is no such worker any more';
    if (this.#peers.trusts(id)) return "this machine's own threads cannot be sent away: pause or stop the run instead";
    this.#tell({ type: 'kick', worker: id });
    return null;
  }

  /** Prepares to admit a worker. */
  connect(): Connection {
    const id = this.#nextId++;
    return {
      id,
      events: {
        result: (result) => this.#result(id, result),
        progress: (round, lo, size) => this.#tell({ type: 'progress', worker: id, round, block: { lo, size } }),
        left: (reason) => this.#left(id, reason),
      },
      join: (port, holds = null) => {
        this.#announce(id, this.#peers.add(id, port, holds), true, '');
        const trusted = this.#peers.trusts(id);
        this.#tell({ type: 'joined', worker: id, slots: port.slots, trusted, identity: null });
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
      const flaw = this.#parts.trainer.flaw(result, counts, round.mode === 'train', this.#peers.trusts(id));
      if (flaw !== null) return this.#refuse(id, flaw);
    }
    const event = { type: 'result', worker: id, round: result.round, block, suspect: false, agrees: null } as const;
    const actions = this.#tell(event, result);
    if (actions[0]?.type !== 'accept') this.#observers.onResult(id, result.round, block, false);
  }

  /** Sends away a worker for what it sent. Where that shows that training has diverged, ends the run instead. */
  #refuse(id: WorkerId, { what, finite }: Flaw): void {
    const trusted = this.#peers.trusts(id);
    if (!finite) this.#notFinite++;
    // An honest worker, too, finds no finite gradient at parameters that have run away; let it come back.
    if (!finite && (trusted || (this.#notFinite > 1 && this.#peers.size === 1)))
      return this.#fail(new Divergence(this.#parts.trainer.step + 1, 'a worker found no finite gradient'));
    this.#expel(id, `it sent ${what}`, finite);
    this.#tell({ type: 'left', worker: id });
  }

  #left(id: WorkerId, reason: string): void {
    if (this.#forget(id, reason) !== null) this.#tell({ type: 'left', worker: id });
  }

  /** Takes a worker off the list. @returns its port, or null if it was not on it */
  #forget(id: WorkerId, reason: string): WorkerPort | null {
    const peer = this.#peers.remove(id);
    if (peer === null) return null;
    this.#announce(id, peer, false, reason);
    // Our own threads run our own code on our own numbers: others would fail in the same way.
    if (peer.port.kind === 'threads') this.#fail(new Error(`the local worker was lost: ${reason}`));
    return peer.port;
  }

  #announce(id: WorkerId, { port, label }: Peer, joined: boolean, reason: string): void {
    const { kind, slots } = port;
    this.#observers.onWorker({ id, name: label, kind, slots, port, joined, reason });
  }

  /** Ends the run by an error: nothing more is committed. */
  #fail(error: unknown): void {
    this.#over = true;
    this.#stopTicks();
    this.#enter('stopped');
    this.#reject(error);
  }

  /** Tells the machine of an event, and does what it says. @returns what it said */
  #tell(event: Event, result?: Result): readonly Action[] {
    if (this.#over) return [];
    try {
      const actions = this.#machine.handle(event, this.#clock.now());
      for (const action of actions) this.#act(action, result);
      this.#enter(this.#currentPhase());
      return actions;
    } catch (error) {
      this.#fail(error);
      return [];
    }
  }

  #currentPhase(): Phase {
    if (this.#phase === 'finished' || this.#phase === 'stopped') return this.#phase;
    if (this.#stopwatch.paused) return 'paused';
    if (this.#round === null || this.#peers.size === 0) return 'waiting';
    return this.#round.mode === 'eval' ? 'evaluating' : 'training';
  }

  #enter(phase: Phase): void {
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.#observers.onPhase(phase);
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
      case 'overdue':
        return this.#observers.onOverdue(action.worker, action.round, action.block);
      case 'expel':
        return this.#expel(action.worker, action.reason, true);
      case 'commit':
        return this.#commit(action.round);
      case 'checkpoint':
        return this.#checkpoint(action.step);
      case 'finish':
        return this.#finish(action.complete);
      case 'doubt':
      case 'unverifiable':
      case 'rollback':
        throw new Error(`the machine said ${action.type}, though nothing is verified and nobody suspect`);
      default:
        return action satisfies never;
    }
  }

  #open(round: Round): void {
    this.#blocks = [];
    this.#notFinite = 0;
    this.#evaluation.begin();
    this.#round = round;
    this.#stopwatch.open();
    if (round.mode === 'train') this.#parts.trainer.begin(round.microBatches);
    this.#observers.onOpen(round);
  }

  #assign(id: WorkerId, round: Round, block: Block): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    bringUpToDate(peer, this.#parts.trainer.state);
    peer.port.sendWork(this.#parts.batches.work(round, block));
    this.#observers.onAssign(id, round, block);
  }

  #accept(id: WorkerId, round: Round, { lo, size }: Block, result: Result): void {
    if (round.mode === 'train') this.#parts.trainer.accept(lo, size, result);
    else if (round.mode === 'eval') this.#evaluation.accept(lo, result);
    else this.#layers = result.layers ?? [];
    const by = this.#peers.get(id)?.label ?? `#${id}`;
    this.#seen.add(this.#peers.get(id)?.port.name ?? by);
    this.#blocks.push({ lo, counts: result.counts, by });
    this.#observers.onResult(id, round.id, { lo, size }, true);
  }

  #expel(id: WorkerId, reason: string, final: boolean): void {
    this.#forget(id, reason)?.close(reason, final);
  }

  #commit(round: Round): void {
    switch (round.mode) {
      case 'train':
        return this.#commitStep();
      case 'eval':
        return this.#commitEvaluation(round);
      case 'diagnose':
        return;
      default:
        return round satisfies never;
    }
  }

  #commitStep(): void {
    const { trainer, folder } = this.#parts;
    const layers = this.#layers;
    const { parameters, ...report } = trainer.update(layers !== null);
    const tokensPerSecond = this.#stopwatch.commit(report.count);
    const { loss, lr, gradNorm } = report;
    const { step } = trainer;
    const { size: workers, threads } = this.#peers;
    folder.log({ step, loss, lr, gradNorm, tokensPerSecond, workers });
    folder.ledger({ step, blocks: this.#blocks } satisfies LedgerLine);
    if (layers !== null && parameters !== null) folder.diagnostics({ step, layers: [...layers], parameters });
    this.#layers = null;
    this.#observers.onStep({ ...report, step, workers, threads, tokensPerSecond });
  }

  #commitEvaluation({ step, split }: Round & { mode: 'eval' }): void {
    const { loss } = this.#evaluation;
    this.#losses[split] = loss;
    this.#parts.folder.log({ step, [`${split}Loss`]: loss });
    this.#observers.onEvaluation({ step, split, loss });
  }

  #checkpoint(step: number): void {
    const tensors = this.#parts.trainer.tensors();
    this.#writing = this.#writing.then(() => this.#write(step, tensors));
    this.#writing.catch((error: unknown) => this.#fail(error));
  }

  async #write(step: number, tensors: readonly CheckpointTensor[]): Promise<void> {
    await this.#parts.folder.checkpoint(step, tensors, this.#parts.options.keepCheckpoints);
    this.#observers.onCheckpoint(step);
  }

  #finish(complete: boolean): void {
    this.#stopTicks();
    const { trainer } = this.#parts;
    if (!complete) this.#checkpoint(trainer.step);
    this.#enter(complete ? 'finished' : 'stopped');
    const end: RunEnd = {
      complete,
      steps: trainer.step,
      trainLoss: complete ? this.#losses.train : null,
      valLoss: complete ? this.#losses.val : null,
      parameters: trainer.parameterCount,
      ...trainer.hashes(),
      seconds: (this.#clock.now() - this.#startedAt) / 1000,
      tokensPerSecond: this.#stopwatch.tokensPerSecond,
      workersSeen: [...this.#seen],
    };
    this.#writing.then(
      () => this.#resolve(end),
      (error: unknown) => this.#reject(error),
    );
  }
}
