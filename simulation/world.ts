/**
 * A whole training run in one process: a coordinator, hosts with workers, a network, a disk, a clock. All of it follows from the
 * options, a seed among them: the same again gives the same again, event by event.
 */

import type { RunEnd, RunObserver } from '../coordinator/observer.ts';
import type { RunOptions } from '../coordinator/options.ts';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import type { Result } from '../core/protocol/work.ts';
import type { ModelSpec } from '../models/model.ts';
import type { Recipe } from '../models/recipe.ts';
import { Compute } from '../worker/compute.ts';
import { Dice } from './dice.ts';
import { Host, LOCAL, Network, type Shape, type Wiretap } from './network.ts';
import { SimProcess } from './process.ts';
import { coordinate, TOKEN } from './simCoordinator.ts';
import { SimWorker } from './simWorker.ts';
import { SharedCompute } from './threads.ts';
import { VirtualClock } from './virtualClock.ts';

/** A worker that is there from the start. */
export interface WorkerPlan {
  readonly name: string;
  readonly shape: Shape;
  readonly threads: number;
  /** Milliseconds a micro-batch, give or take `spread`, a part of it. */
  readonly msPerMicroBatch: number;
  readonly spread: number;
  readonly forge?: (result: Result) => Result;
}

export interface WorldOptions {
  readonly seed: number;
  readonly recipe: Recipe;
  readonly spec: ModelSpec;
  readonly run: RunOptions;
  readonly workers: readonly WorkerPlan[];
  /** The coordinator's own threads; 0 is none. */
  readonly threads: number;
  readonly localMsPerMicroBatch: number;
  readonly tap?: Wiretap;
  readonly observer?: RunObserver;
  readonly coordinatorMbit?: number;
  readonly weigh?: (frame: Uint8Array) => number;
}

const backend = await createWasmBackend();
const numerics = await fingerprint(backend);

export class World {
  readonly time = new VirtualClock();
  readonly dice: Dice;
  readonly network: Network;
  readonly hosts = new Map<string, Host>();
  readonly workers: SimWorker[] = [];
  readonly #options: WorldOptions;
  readonly #compute: SharedCompute;
  coordinator: SimProcess | null = null;
  end: RunEnd | null = null;
  failure: unknown = null;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.dice = new Dice(options.seed, 'world');
    this.#compute = new SharedCompute(new Compute(backend, options.spec));
    this.network = new Network({
      time: this.time,
      dice: this.dice.of('network'),
      tap: options.tap ?? {},
      coordinatorMbit: options.coordinatorMbit ?? Number.POSITIVE_INFINITY,
      weigh: options.weigh ?? ((frame) => frame.byteLength),
    });
  }

  startCoordinator(): void {
    const { recipe, run, threads, localMsPerMicroBatch, observer = {} } = this.#options;
    const process = new SimProcess('coordinator', this.time);
    this.coordinator = process;
    const local =
      threads === 0
        ? null
        : {
            compute: this.#compute,
            threads,
            pace: () => localMsPerMicroBatch,
            forge: (r: Result) => r,
            beginning: () => undefined,
          };
    coordinate({ recipe, run, minWorkers: 0, local, numerics }, process, this.network, observer).then(
      (end) => {
        this.end = end;
      },
      (error: unknown) => {
        if (process.isAlive) this.failure = error;
      },
    );
  }

  startWorker(plan: WorkerPlan): SimWorker {
    const host = this.hosts.get(plan.name) ?? new Host(plan.name, plan.shape);
    this.hosts.set(plan.name, host);
    const dice = this.dice.of(`worker ${plan.name}`);
    const worker = new SimWorker(
      {
        name: plan.name,
        token: TOKEN,
        numerics,
        threads: plan.threads,
        compute: this.#compute,
        pace: () => plan.msPerMicroBatch * (1 + dice.between(-plan.spread, plan.spread)),
        forge: plan.forge ?? ((r) => r),
        beginning: () => undefined,
      },
      host,
      this.network,
      this.time,
      dice.of(`rejoin ${plan.name}`),
    );
    this.workers.push(worker);
    return worker;
  }

  /** Lets the run go to its end. @param limit the most that it may take, in simulated ms @throws Error if it does not end */
  async run(limit: number): Promise<RunEnd> {
    this.startCoordinator();
    for (const plan of this.#options.workers) this.startWorker(plan);
    await this.time.run(() => this.end !== null || this.failure !== null, limit);
    if (this.failure !== null) throw this.failure;
    if (this.end === null) throw new Error(`the run has not ended after ${this.time.now() / 1000} simulated seconds`);
    return this.end;
  }
}
export { LOCAL };
