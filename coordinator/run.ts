/**
 * A training run: the machine's events and actions, joined to the workers, the data, and the books of numbers and files.
 *
 * Everything here happens in one thread and, but for checkpoints, at once: a result is checked, added and answered by the
 * next lease before the next message is looked at.
 */
import { randomInt } from 'node:crypto';
import { isAligned } from '../core/allreduce/treeSum.ts';
import { type Cancel, type Clock, systemClock } from '../core/clock.ts';
import type { Phase } from '../core/protocol/live.ts';
import type { CloseCause, Fault, Result, WorkerPort } from '../core/protocol/work.ts';
import type { Batches } from './batches.ts';
import { Books } from './books.ts';
import { type Finding, Inspection } from './inspection.ts';
import { type Action, type Block, type Event, Machine, type Round, type WorkerId } from './machine/machine.ts';
import { DRAINED, type ExpulsionCause, FanOut, type RunEnd, type RunObserver } from './observer.ts';
import type { RunOptions } from './options.ts';
import { bringUpToDate, type Connection, type Peer, Peers } from './peers.ts';
import type { RunFolder } from './runFolder.ts';
import { Divergence, type Trainer } from './trainer.ts';
import { WakefulTime } from './wakefulTime.ts';

export type { Connection, RunEnd };

export interface RunParts {
  readonly trainer: Trainer;
  readonly batches: Batches;
  readonly folder: RunFolder;
  readonly options: RunOptions;
  /** Steps in all. */
  readonly steps: number;
}

/** How the door treats whoever was sent away for something. */
const CLOSED_AS: Readonly<Record<ExpulsionCause, CloseCause>> = {
  malformed: 'misbehaved',
  'wrong-form': 'misbehaved',
  'not-finite': 'misbehaved',
  'not-leased': 'misbehaved',
  lied: 'lied',
  operator: 'dismissed',
  token: 'goingAway',
};

/** Of a result that is of no open lease: the machine knows what to do with its worker. */
const UNSEEN: Finding = { kind: 'sound', suspect: false, agrees: null };

/** Numbers in [0, 1) that no worker can foresee. */
const unforeseeable = (): number => randomInt(2 ** 32) / 2 ** 32;

/** How often the machine looks for leases that are overdue. */
const TICK_MS = 100;

export class TrainingRun {
  readonly ended: Promise<RunEnd>;
  readonly #parts: RunParts;
  readonly #observers = new FanOut();
  readonly #machine: Machine;
  readonly #inspection: Inspection;
  readonly #books: Books;
  readonly #peers = new Peers();
  readonly #resolve: (end: RunEnd) => void;
  readonly #reject: (error: unknown) => void;
  /** Workers to wait for; infinite before `start` and once it has begun. */
  #minWorkers = Number.POSITIVE_INFINITY;
  #stopTicks: Cancel = () => {};
  #phase: Phase = 'waiting';
  #over = false;
  /** Results of the round under way that were not finite, of those who are believed. */
  #notFinite = 0;
  #nextId = 1;
  #round: Round | null = null;
  /** Who wants no more leases handed out: one does not lift the other's pause. */
  readonly #pausedBy = new Set<'operator' | 'disk'>();
  #diskTrouble: string | null = null;
  readonly #clock: Clock;
  readonly #time = new WakefulTime();
  /** Resolves when the run has gone back to where it was asked to; null while it is not asked to. */
  #rollback: Promise<void> | null = null;

  constructor(parts: RunParts, observer: RunObserver = {}, clock: Clock = systemClock, dice = unforeseeable) {
    this.#parts = parts;
    this.#clock = clock;
    this.observe(observer);
    const { trainer, batches, folder, options, steps } = parts;
    folder.watch({
      saved: (step, seconds) => this.#observers.onCheckpoint(step, seconds),
      stuck: (why) => this.#stuck(why),
      failed: (error) => this.#fail(error),
    });
    this.#books = new Books(parts, this.#observers, clock);
    this.#inspection = new Inspection(trainer, batches, options.exact);
    const { evalEvery, checkpointEvery, diagnoseEvery, verify } = options;
    const { microBatches, evalMicroBatches } = batches;
    const plan = { startStep: trainer.step, steps, microBatches, evalMicroBatches };
    this.#machine = new Machine({ ...plan, evalEvery, checkpointEvery, diagnoseEvery, verify }, dice);
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

  /** Abandons the round under way, writes a checkpoint and ends; by an error, if the disk does not take it. */
  stop(): void {
    this.#parts.folder.giveUp();
    this.#tell({ type: 'stop' });
  }

  /** Finishes the round under way, writes a checkpoint and ends; does so at once where nobody is at work. */
  drain(): void {
    this.#parts.folder.giveUp();
    const isAtWork = this.#phase === 'training' || this.#phase === 'evaluating';
    this.#tell({ type: isAtWork ? 'drain' : 'stop' });
  }

  /** Hands out no more leases until `resume`; answers to those under way are taken. */
  pause(): void {
    this.#hold('operator');
  }

  /** Lifts the operator's pause: while the disk is full, the run waits for that still. */
  resume(): void {
    this.#release('operator');
  }

  /** Why the disk does not take what is written, in a sentence with no full stop: the run waits for it. Null if it does. */
  get diskTrouble(): string | null {
    return this.#diskTrouble;
  }

  #stuck(why: string | null): void {
    this.#diskTrouble = why;
    this.#observers.onDisk(why);
    if (why === null) this.#release('disk');
    else this.#hold('disk');
  }

  #hold(by: 'operator' | 'disk'): void {
    this.#pausedBy.add(by);
    this.#books.pause();
    this.#tell({ type: 'pause' });
  }

  #release(by: 'operator' | 'disk'): void {
    this.#pausedBy.delete(by);
    if (this.#pausedBy.size > 0) return;
    this.#books.resume();
    this.#tell({ type: 'resume' });
  }

  /** Writes a checkpoint of the parameters as they are, or will be once the run has gone back. Resolves when it is on the disk. */
  checkpointNow(): Promise<void> {
    if (this.#rollback !== null) return this.#rollback.then(() => this.checkpointNow());
    this.#tell({ type: 'checkpoint' });
    return this.#books.written;
  }

  /** Sends a worker away, not to come back. @returns null, or a sentence saying why that cannot be */
  kick(id: WorkerId): string | null {
    const kind = this.#peers.get(id)?.port.kind;
    if (kind === undefined) return 'there is no such worker any more';
    if (kind === 'threads') return "this machine's own threads cannot be sent away: pause or stop the run instead";
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
        returned: (round, lo, size) => {
          this.#tell({ type: 'returned', worker: id, round, block: { lo, size } });
          this.#observers.onResult(id, round, { lo, size }, false);
        },
        drain: () => this.#tell({ type: 'retire', worker: id }),
        left: (reason, fault) => this.#left(id, reason, fault),
      },
      join: (port, holds = null) => {
        this.#announce(id, this.#peers.add(id, port, holds), true, '');
        const { slots, trusted, identity } = port;
        this.#tell({ type: 'joined', worker: id, slots, local: port.kind === 'threads', trusted, identity });
        this.#startIfEnough();
      },
    };
  }

  #result(id: WorkerId, result: Result): void {
    const block: Block = { lo: result.lo, size: result.size };
    const round = this.#round;
    // A result of no open lease is the machine's to judge; a lease's result is first looked through.
    const isOfRound =
      round !== null && result.round === round.id && isAligned(block.lo, block.size, round.microBatches);
    const source = !this.#peers.isOurs(id) ? 'others' : this.#peers.hasOthers ? 'ours' : 'ours-alone';
    const finding = isOfRound ? this.#inspection.look(round, block, result, source) : UNSEEN;
    if (finding.kind !== 'sound') return this.#refuse(id, finding);
    const { suspect, agrees } = finding;
    const doubted = this.#inspection.heldOf(result);
    const event: Event = { type: 'result', worker: id, round: result.round, block, suspect, agrees };
    this.#tell(event, result, ([first]) => {
      const lied = first?.type === 'expel' && first.cause === 'lied';
      if (doubted !== null && doubted !== id && (lied || first?.type === 'accept'))
        this.#observers.onChecked(doubted, block, agrees === true);
      // What shows that the round is to start again does not count in it.
      if (lied || !(first?.type === 'accept' || first?.type === 'doubt' || first?.type === 'expel'))
        this.#observers.onResult(id, result.round, block, false);
    });
  }

  /** Sends away a worker for what it sent. Where that shows that training has diverged, ends the run instead. */
  #refuse(id: WorkerId, { kind, what }: Finding & { kind: 'wrong-form' | 'not-finite' }): void {
    const isRunaway = kind === 'not-finite' && this.#books.isBlank;
    // Where results are verified, a stranger's word is not enough to end the run.
    const isBelieved = this.#parts.options.verify === 'off' || this.#peers.get(id)?.port.trusted === true;
    if (isRunaway && isBelieved) this.#notFinite++;
    // An honest worker, too, finds no finite gradient at parameters that have run away: unless others found one, it may come back.
    if (kind === 'not-finite' && (this.#peers.isOurs(id) || (this.#notFinite > 1 && this.#peers.size === 1)))
      return this.#fail(new Divergence(this.#parts.trainer.step + 1, 'a worker found no finite gradient'));
    this.#expel(id, kind, `it sent ${what}`, isRunaway ? 'goingAway' : CLOSED_AS[kind]);
    this.#tell({ type: 'left', worker: id });
  }

  #left(id: WorkerId, reason: string, fault?: Fault): void {
    if (fault !== undefined) this.#tellExpulsion(id, fault, reason);
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

  /** Ends the run by an error: nothing more is committed. What else goes wrong then follows from it, and is not told. */
  #fail(error: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTicks();
    this.#parts.folder.giveUp();
    this.#enter('stopped');
    this.#observers.onFailure(error);
    this.#reject(error);
  }

  /** Tells the machine of an event, and does what it says. @param before told what that is, before it is done */
  #tell(event: Event, result?: Result, before?: (actions: readonly Action[]) => void): void {
    if (this.#over) return;
    try {
      const actions = this.#machine.handle(event, this.#time.at(this.#clock.now()));
      before?.(actions);
      for (const action of actions) this.#act(action, result);
      this.#enter(this.#currentPhase());
    } catch (error) {
      this.#fail(error);
    }
  }

  #currentPhase(): Phase {
    if (this.#phase === 'finished' || this.#phase === 'stopped') return this.#phase;
    if (this.#pausedBy.size > 0) return 'paused';
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
      case 'doubt':
        if (result === undefined) throw new Error('a result is doubted that nobody reported');
        this.#inspection.doubted(action.worker, result);
        this.#observers.onDoubt(action.worker, action.block);
        return this.#observers.onResult(action.worker, action.round.id, action.block, false);
      case 'unverifiable':
        return this.#observers.onUnverifiable();
      case 'rollback':
        return this.#rollBack(action.step);
      case 'accept':
        if (result === undefined) throw new Error('a result was accepted that nobody reported');
        return this.#accept(action.worker, action.round, action.block, result);
      case 'overdue':
        return this.#observers.onOverdue(action.worker, action.round, action.block);
      case 'expel':
        return this.#expel(action.worker, action.cause, action.reason);
      case 'release':
        return this.#forget(action.worker, DRAINED)?.close(DRAINED, 'goingAway');
      case 'commit':
        return this.#commit(action.round);
      case 'checkpoint':
        return this.#checkpoint();
      case 'finish':
        return this.#finish(action.complete);
      default:
        return action satisfies never;
    }
  }

  #open(round: Round): void {
    this.#notFinite = 0;
    this.#inspection.begin();
    this.#books.open(round);
    this.#round = round;
    this.#observers.onOpen(round);
  }

  #assign(id: WorkerId, round: Round, block: Block): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    bringUpToDate(peer, this.#parts.trainer.state);
    peer.port.sendWork(this.#parts.batches.work(round, block));
    this.#observers.onAssign(id, round, block);
  }

  #accept(id: WorkerId, round: Round, block: Block, result: Result): void {
    this.#inspection.accepted();
    const peer = this.#peers.get(id);
    const by = peer?.label ?? `#${id}`;
    this.#books.accept(round, block, result, by, peer?.port.name ?? by);
    this.#observers.onResult(id, round.id, block, true);
  }

  #expel(id: WorkerId, cause: ExpulsionCause, reason: string, close: CloseCause = CLOSED_AS[cause]): void {
    this.#tellExpulsion(id, cause, reason);
    this.#forget(id, reason)?.close(reason, close);
  }

  #tellExpulsion(id: WorkerId, cause: ExpulsionCause, reason: string): void {
    const name = this.#peers.get(id)?.label;
    if (name !== undefined) this.#observers.onExpulsion({ id, name, cause, reason });
  }

  #commit(round: Round): void {
    this.#books.commit(round, this.#peers);
    if (round.mode === 'train' && this.#books.isCheckpointDue) this.#checkpoint();
  }

  #checkpoint(): void {
    this.#books.checkpoint(this.#machine.cleanStep).catch((error: unknown) => this.#fail(error));
  }

  /** Goes back to before a step, for the sake of what is in the parameters since. */
  #rollBack(step: number): void {
    this.#round = null;
    this.#rollback = this.#restore(step);
    this.#rollback.catch((error: unknown) => this.#fail(error));
  }

  async #restore(step: number): Promise<void> {
    const { trainer } = this.#parts;
    const from = trainer.step;
    await this.#books.goBack(step);
    this.#rollback = null;
    this.#peers.forgetStates();
    this.#inspection.forget();
    this.#observers.onRollback(from, trainer.step);
    this.#tell({ type: 'restored', step: trainer.step });
  }

  #finish(complete: boolean): void {
    if (this.#rollback !== null) {
      // What is in the parameters now is what was to go.
      this.#rollback.then(() => this.#finish(complete)).catch((error: unknown) => this.#fail(error));
      return;
    }
    this.#stopTicks();
    if (!complete) this.#checkpoint();
    this.#enter(complete ? 'finished' : 'stopped');
    const end = this.#books.end(complete);
    this.#books.written.then(
      () => this.#resolve(end),
      (error: unknown) => this.#reject(error),
    );
  }
}
