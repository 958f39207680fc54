/** A simulated remote worker: a process on a host that runs the real worker's side of the protocol, and comes back by itself. */
import type { ModelSpec } from '../models/model.ts';
import { KeptThreads, workUntilFinished } from '../worker/rejoin.ts';
import type { Dice } from './dice.ts';
import type { Host } from './host.ts';
import type { Network } from './network.ts';
import { SimProcess } from './process.ts';
import { SimThreads, type ThreadOptions } from './threads.ts';
import type { VirtualClock } from './virtualClock.ts';

interface WorkerOptions extends Omit<ThreadOptions, 'process'> {
  readonly name: string;
  readonly token: string;
  /** Of its kernels: what the coordinator compares. */
  readonly numerics: string;
}

export class SimWorker {
  readonly host: Host;
  readonly process: SimProcess;
  #threads: SimThreads | null = null;
  #slowness = 1;
  /** How it ended: 'finished' with its run, or a sentence saying why not; null while it goes on, and if it was killed. */
  outcome: string | null = null;

  /** Starts it. */
  constructor(options: WorkerOptions, host: Host, network: Network, time: VirtualClock, dice: Dice) {
    const { name, token, numerics, threads } = options;
    this.host = host;
    const process = new SimProcess(time);
    this.process = process;
    const pace = () => options.pace() * this.#slowness;
    const kept = new KeptThreads(async (_: ModelSpec) => {
      this.#threads = new SimThreads({ ...options, pace, process });
      return this.#threads;
    });
    workUntilFinished({
      where: 'the simulated coordinator',
      hello: { token, name, agent: 'remote', slots: threads, numerics },
      admit: () => Promise.resolve(),
      threadsFor: (spec) => kept.for(spec),
      held: () => kept.current?.state ?? null,
      open: (events) => network.connect(host, process, events),
      sleep: (ms) => new Promise((resolve) => process.clock.after(ms, resolve)),
      random: () => dice.uniform(),
      onStatus: () => undefined,
      signal: new AbortController().signal,
      clock: process.clock,
    }).then(
      () => {
        this.outcome = 'finished';
      },
      (error: unknown) => {
        this.outcome = error instanceof Error ? error.message : String(error);
      },
    );
  }

  /** Whether its process lives and has work to do still. */
  get isAtWork(): boolean {
    return this.process.isAlive && this.outcome === null;
  }

  /** How long its threads have computed so far, in ms. */
  get computedMs(): number {
    return this.#threads?.computedMs ?? 0;
  }

  /** From now on everything takes it so many times as long as it should. @returns whether that is news */
  slowTo(times: number): boolean {
    const isNews = this.#slowness !== times;
    this.#slowness = times;
    return isNews;
  }
}
