/** A reception with a coordinator behind it that does as a test says: no run, no network, a clock that stands. */
import type { Identify } from '../../../coordinator/door/bearer.ts';
import { Reception } from '../../../coordinator/door/reception.ts';
import type { Result, State, Work, WorkerPort } from '../../../core/protocol/work.ts';
import { ManualClock } from '../../support/manualClock.ts';
import { TestLink } from './testLink.ts';

/** What the coordinator was told of a worker. */
export interface Told {
  readonly port: WorkerPort;
  /** The version of the state that it held when it joined. */
  readonly holds: number | null;
  readonly results: Result[];
  readonly progress: number[];
  returned: number[];
  readonly left: string[];
}

interface HouseOptions {
  readonly params?: number;
  readonly buffers?: number;
  readonly nonce?: string;
  readonly identify?: Identify;
  readonly maxResultBytes?: number;
}

export class TestHouse {
  readonly clock = new ManualClock();
  readonly reception: Reception;
  readonly workers: Told[] = [];
  /** As a trainer's: the same memory, changed in place by each update. */
  state: State;
  #works = 0;

  constructor({ params = 100, buffers = 10, nonce = 'n', identify, maxResultBytes = 4096 }: HouseOptions = {}) {
    this.state = { version: 0, params: new Float32Array(params), buffers: new Float32Array(buffers) };
    this.#fill();
    this.reception = new Reception(
      {
        identify: identify ?? ((token) => (token === 't' ? { name: null, trusted: false } : null)),
        numerics: 'n',
        run: 'run',
        model: {},
        maxResultBytes,
        state: () => this.state,
        connect: () => this.#connect(),
        news: () => ({
          ...{ phase: 'training', step: 1, loss: 1, valLoss: null, secondsLeft: null },
          ...{ workers: 1, yours: 0, all: 0, sample: null },
        }),
      },
      this.clock,
      nonce,
    );
  }

  /** A worker that has said hello and been welcomed. */
  join(...[how, hello]: [ConstructorParameters<typeof TestLink>[1]?, Parameters<TestLink['hello']>[0]?]): {
    link: TestLink;
    told: Told;
  } {
    const link = new TestLink(this.reception, how);
    link.hello(hello);
    const told = this.workers.at(-1);
    if (told === undefined || link.goodbye !== null) throw new Error(`turned away: ${link.goodbye?.reason}`);
    return { link, told };
  }

  /** The update: other values, in the same memory. */
  update(): void {
    this.state = { ...this.state, version: this.state.version + 1 };
    this.#fill();
  }

  /** What the parameter at `i` is in a version. */
  static value(version: number, i: number): number {
    return version * 1000 + (i % 997);
  }

  /** A lease of the state as it is; its number is its `lo`. */
  lease(microBatches = 1): Work {
    const x = new Uint16Array(4 * microBatches);
    const about = { round: this.state.version, mode: 'train', version: this.state.version, seed: 1 } as const;
    return { ...about, lo: this.#works++, size: microBatches, counts: new Array(microBatches).fill(1), x, y: x };
  }

  /** Sends a lease, after its state if `fresh`. */
  give({ port }: Told, fresh = true): Work {
    const work = this.lease();
    if (fresh) port.sendState(this.state);
    port.sendWork(work);
    return work;
  }

  #fill(): void {
    const { version, params, buffers } = this.state;
    for (let i = 0; i < params.length; i++) params[i] = TestHouse.value(version, i);
    for (let i = 0; i < buffers.length; i++) buffers[i] = -TestHouse.value(version, i);
  }

  #connect() {
    const told = {
      results: [] as Result[],
      progress: [] as number[],
      returned: [] as number[],
      left: [] as string[],
    };
    return {
      id: this.workers.length,
      events: {
        result: (result: Result) =>
          told.results.push({ ...result, gradient: result.gradient.slice(), statistics: result.statistics.slice() }),
        progress: (_: number, lo: number) => told.progress.push(lo),
        drain: () => undefined,
        returned: (_: number, lo: number) => told.returned.push(lo),
        left: (reason: string) => told.left.push(reason),
      },
      join: (port: WorkerPort, holds: number | null = null) => {
        this.workers.push({ port, holds, ...told });
      },
    };
  }
}
