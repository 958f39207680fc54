/**
 * A whole training run in one process: a coordinator, hosts with workers, a network, a disk, a clock. All of it follows from the
 * options, a seed among them: the same again gives the same again, event by event.
 */
import type { RunEnd, RunObserver } from '../coordinator/observer.ts';
import type { RunOptions } from '../coordinator/options.ts';
import type { TrainingRun } from '../coordinator/run.ts';
import type { LedgerLine } from '../coordinator/runFolder.ts';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { isFull } from '../core/disk/errors.ts';
import { UserError } from '../core/errors.ts';
import type { Recipe } from '../models/recipe.ts';
import { Compute } from '../worker/compute.ts';
import { Dice } from './dice.ts';
import { Host, type Shape, type Wiretap } from './host.ts';
import { ledgerOn } from './ledger.ts';
import { forgeOf, type Liar } from './liars.ts';
import { Lies } from './lies.ts';
import { Moments } from './moments.ts';
import { Network } from './network.ts';
import { SimProcess } from './process.ts';
import { DIR, SimCoordinator, TOKEN } from './simCoordinator.ts';
import { SimDisk } from './simDisk.ts';
import { SimWorker } from './simWorker.ts';
import { HONEST, SharedCompute } from './threads.ts';
import { loadToyData, TOY_VOCABULARY } from './toy.ts';
import { VirtualClock } from './virtualClock.ts';

/** A worker, and the host that it runs on. */
export interface WorkerPlan {
  readonly name: string;
  readonly shape: Shape;
  readonly threads: number;
  /** Milliseconds a micro-batch, give or take `spread`, a part of it. */
  readonly msPerMicroBatch: number;
  readonly spread: number;
  /** How it lies; it is honest if left out. */
  readonly liar?: Liar;
  /** What it is called by a token of its own; a stranger with the run's token if left out. */
  readonly identity?: string;
  /** Seconds after the beginning at which it comes; at once if left out. */
  readonly comesAt?: number;
}

export interface WorldOptions {
  readonly seed: number;
  /** On the toy data (toy.ts). */
  readonly recipe: Recipe;
  readonly run: RunOptions;
  readonly workers: readonly WorkerPlan[];
  /** The coordinator's own threads, 0 for none, and the milliseconds that a micro-batch takes one of them. */
  readonly threads: number;
  readonly msPerMicroBatch: number;
  readonly moments?: Moments;
  readonly observer?: RunObserver;
  /** Told of every frame besides. */
  readonly tap?: Wiretap;
  /** The coordinator's line; it is no bottleneck if left out. */
  readonly coordinatorMbit?: number;
  /** The bytes that a frame counts for on a line; its own if left out. */
  readonly weigh?: (frame: Uint8Array) => number;
  /** Milliseconds that each call of the disk takes. */
  readonly diskMs?: number;
}

const backend = await createWasmBackend();
const numerics = await fingerprint(backend);
/** A model's compute is the same in every world. */
const computes = new Map<string, SharedCompute>();

function computeOf({ model }: Recipe): SharedCompute {
  const key = JSON.stringify(model);
  const known = computes.get(key);
  if (known !== undefined) return known;
  const compute = new SharedCompute(new Compute(backend, { ...model, vocabSize: TOY_VOCABULARY }));
  computes.set(key, compute);
  return compute;
}

export class World {
  readonly time = new VirtualClock();
  readonly dice: Dice;
  readonly network: Network;
  readonly disk: SimDisk;
  readonly hosts = new Map<string, Host>();
  readonly workers: SimWorker[] = [];
  readonly moments: Moments;
  coordinator: SimCoordinator | null = null;
  /** How it ended, once it has. */
  end: RunEnd | null = null;
  /** Lives of the coordinator so far. */
  lives = 0;
  readonly lies = new Lies();
  /** Liars that were found out, by name. */
  readonly foundOut: string[] = [];
  /** How often the run went back to before a liar's work. */
  rollbacks = 0;
  readonly #options: WorldOptions;
  readonly #plans = new Map<Host, WorkerPlan>();
  #failure: unknown = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    const { seed, moments = new Moments([]), tap, weigh, diskMs = 0 } = options;
    const { coordinatorMbit = Number.POSITIVE_INFINITY } = options;
    this.dice = new Dice(seed, 'world');
    this.moments = moments;
    this.disk = new SimDisk({ seed, latency: { clock: this.time, ms: () => diskMs } });
    this.disk.onCall = (when, op, file) => moments.disk(when, op, file);
    this.network = new Network({
      time: this.time,
      dice: this.dice.of('network'),
      tap: tap === undefined ? moments.tap : both(moments.tap, tap),
      coordinatorMbit,
      weigh: weigh ?? ((frame) => frame.byteLength),
    });
  }

  /** Starts everybody. */
  begin(): void {
    this.startCoordinator();
    for (const plan of this.#options.workers) {
      const host = new Host(plan.name, plan.shape);
      this.hosts.set(plan.name, host);
      this.#plans.set(host, plan);
      this.time.after((plan.comesAt ?? 0) * 1000, () => this.startWorker(host));
    }
  }

  /** Lets time pass until `done`. @param limit the most that it may take, in simulated ms @throws Error if it takes longer */
  async until(done: () => boolean, limit: number): Promise<void> {
    await this.time.run(() => done() || this.#failure !== null, limit);
    if (this.#failure !== null) throw this.#failure;
    if (!done()) throw new Error(`nothing came of it in ${Math.round(this.time.now() / 1000)} simulated seconds`);
  }

  /** The whole run, from its beginning to its end. @throws Error if it fails, or takes longer than `limit` */
  async run(limit: number): Promise<RunEnd> {
    this.begin();
    await this.until(() => this.end !== null, limit);
    if (this.end === null) throw new Error('a run that ended has no end');
    return this.end;
  }

  /** The run of the coordinator that lives; null while there is none, or it has not come so far. */
  get runningRun(): TrainingRun | null {
    const { coordinator } = this;
    return coordinator?.process.isAlive === true ? coordinator.run : null;
  }

  /** A coordinator begins, or goes on from what is on the disk. */
  startCoordinator(): void {
    const { recipe, run, threads, msPerMicroBatch, observer = {} } = this.#options;
    const { moments } = this;
    const process = new SimProcess(this.time);
    this.lives++;
    this.lies.newLife();
    const dice = this.dice.of(`checks ${this.lives}`);
    const beginning = () => moments.hit('coordinator computing');
    const local = { compute: computeOf(recipe), threads, pace: () => msPerMicroBatch, forge: HONEST, beginning };
    const coordinator = new SimCoordinator(
      {
        recipe,
        run,
        local: threads === 0 ? null : local,
        numerics,
        loadData: loadToyData,
        dice: () => dice.uniform(),
      },
      process,
      this.network,
      this.disk.life(),
      this.disk.contents(`${DIR}/config.json`) === null,
      moments.observer(this.#watch(observer)),
    );
    this.coordinator = coordinator;
    coordinator.ended.then(
      (end) => {
        if (!process.isAlive) return;
        // It has exited: what strikes from now on strikes nobody, or whoever comes after it.
        process.kill();
        if (end.complete) this.end = end;
        else this.time.after(1000, () => this.startCoordinator());
      },
      (error: unknown) => {
        if (process.isAlive) this.#failed(process, error);
      },
    );
  }

  #watch(observer: RunObserver): RunObserver {
    return {
      ...observer,
      onExpulsion: (expulsion) => {
        observer.onExpulsion?.(expulsion);
        if (expulsion.cause !== 'lied') return;
        const name = nameIn(expulsion.name);
        this.foundOut.push(name);
        this.lies.foundOut(name, this.#isStranger(name));
      },
      onWorker: (change) => {
        observer.onWorker?.(change);
        const name = nameIn(change.name);
        if (change.joined) this.lies.joined(name);
        else this.lies.left(name, this.#isStranger(name));
      },
      onRollback: (from, to) => {
        observer.onRollback?.(from, to);
        this.rollbacks++;
      },
    };
  }

  #isStranger(name: string): boolean {
    const host = this.hosts.get(name);
    return host !== undefined && this.#plans.get(host)?.identity === undefined;
  }

  /** A coordinator has ended by an error. One that a full disk keeps from its work is started again by whoever minds it. */
  #failed(process: SimProcess, error: unknown): void {
    // There may be room again by the time that it ends.
    const isForRoom = isFull(error) || this.disk.capacity < Number.POSITIVE_INFINITY;
    if (!(error instanceof UserError && isForRoom)) {
      this.#failure = error;
      return;
    }
    process.kill();
    this.time.after(1000, () => this.startCoordinator());
  }

  /**
   * The coordinator's process dies, its disk loses what was not synced, and after a while it is started again.
   * @returns whether there was one
   */
  restartCoordinator(afterMs: number): boolean {
    if (this.coordinator?.process.kill() !== true) return false;
    this.disk.crash();
    this.time.after(afterMs, () => {
      this.startCoordinator();
      this.#callBack();
    });
    return true;
  }

  /** Workers that had been sent home are started again by whoever resumes the run. */
  #callBack(): void {
    for (const host of this.hosts.values()) {
      const wasSentHome = this.workers.some((worker) => worker.host === host && worker.outcome !== null);
      if (wasSentHome && this.workersOn(host).length === 0) this.startWorker(host);
    }
  }

  startWorker(host: Host): SimWorker {
    const plan = this.#plans.get(host);
    if (plan === undefined) throw new Error(`no worker belongs on ${host.name}`);
    const { name, threads, msPerMicroBatch, spread, liar, identity } = plan;
    const told = () => this.lies.told(name);
    const dice = this.dice.of(`worker ${this.workers.length} ${name}`);
    const worker = new SimWorker(
      {
        name,
        token: identity === undefined ? TOKEN : `${TOKEN} of ${identity}`,
        numerics,
        threads,
        compute: computeOf(this.#options.recipe),
        pace: () => msPerMicroBatch * (1 + dice.between(-spread, spread)),
        forge: liar === undefined ? HONEST : forgeOf(liar, told),
        beginning: () => this.moments.hit('worker computing', host),
      },
      host,
      this.network,
      this.time,
      dice.of(`rejoin ${this.workers.length} ${name}`),
    );
    this.workers.push(worker);
    return worker;
  }

  /** The workers that are at work on a host. */
  workersOn(host: Host): SimWorker[] {
    return this.workers.filter((worker) => worker.host === host && worker.isAtWork);
  }

  /** @returns whether there were any */
  killWorkers(host: Host): boolean {
    return this.workersOn(host).filter(({ process }) => process.kill()).length > 0;
  }

  /** The steps of the checkpoints on the disk. */
  get checkpoints(): number[] {
    return this.disk.paths.flatMap((path) => /checkpoint-(\d+)\.safetensors$/.exec(path)?.slice(1).map(Number) ?? []);
  }

  /** Flips a bit of the newest checkpoint, if there is an older one to go back to. @returns whether there was */
  damageNewestCheckpoint(): boolean {
    const { checkpoints } = this;
    if (checkpoints.length < 2) return false;
    const file = `${DIR}/checkpoint-${Math.max(...checkpoints)}.safetensors`;
    this.disk.flip(file, this.dice.below(8 * (this.disk.contents(file)?.length ?? 1)));
    return true;
  }

  /** The ledger as it is on the disk. */
  ledger(): LedgerLine[] {
    return ledgerOn(this.disk, `${DIR}/ledger.jsonl`);
  }
}

/** A worker's, of how the coordinator calls it. */
const nameIn = (label: string): string => label.split('#')[0] ?? '';

const both = (one: Wiretap, other: Wiretap): Wiretap => ({
  sending: (...frame) => {
    one.sending?.(...frame);
    other.sending?.(...frame);
  },
  arriving: (...frame) => {
    one.arriving?.(...frame);
    other.arriving?.(...frame);
  },
});
