/** The workers of a soak, one of whom nothing ever happens to: who can be hit, and what is done to them. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cli } from '../support/cli.ts';
import { type Coordinator, TOKEN } from './coordinator.ts';
import { showsWorkOf } from './page.ts';
import { type Processes, stateOf } from './processes.ts';
import { Watch } from './watch.ts';

export interface Worker {
  readonly name: string;
  readonly cli: Cli;
  frozen: boolean;
}

export class Workers {
  /** Never touched. */
  readonly steady: Worker;
  /** Of that one; begun and ended by whoever soaks. */
  readonly watch: Watch;
  readonly #processes: Processes;
  readonly #coordinator: Coordinator;
  /** In the order of their coming. */
  readonly #others: Worker[] = [];
  readonly #first: number;
  #started = 0;

  constructor(processes: Processes, coordinator: Coordinator, count: number) {
    this.#processes = processes;
    this.#coordinator = coordinator;
    this.#first = count;
    this.steady = this.#start();
    this.watch = new Watch(pidOf(this.steady));
    for (let i = 1; i < count; i++) this.join();
  }

  /** Whether a worker of this name was not among the first. */
  cameLater(name: string): boolean {
    return Number(name.slice(1)) > this.#first;
  }

  /** Resolves when all have joined. */
  async allThere(): Promise<void> {
    await this.#coordinator.when('all workers are there', () =>
      this.#all.every(({ name }) => this.#coordinator.has(name)),
    );
  }

  /** One more comes. */
  join(): void {
    this.#others.push(this.#start());
  }

  /** As `victims`, of one. @param draw from [0, 1): which */
  async victim(draw: number): Promise<Worker> {
    const [victim] = await this.victims(1, draw);
    if (victim === undefined) throw new Error('of one victim there is none');
    return victim;
  }

  /** So many who are awake and have had work accepted since they joined, once there are so many. */
  async victims(count: number, draw: number): Promise<Worker[]> {
    const able = () =>
      this.#others.filter(
        ({ name, frozen }) => !frozen && this.#coordinator.has(name) && showsWorkOf(this.#coordinator.page, name),
      );
    await this.#coordinator.when('somebody is at work', () => able().length >= count);
    const there = able();
    const first = Math.floor(draw * there.length);
    return [...there.slice(first), ...there.slice(0, first)].slice(0, count);
  }

  /** Kills it; resolves when it has been missed. */
  async kill(worker: Worker): Promise<void> {
    await this.#processes.kill(worker.cli);
    await this.#missed(worker);
  }

  /** Asks it to leave; resolves when it has, and has been missed. */
  async dismiss(worker: Worker): Promise<void> {
    await this.#processes.end(worker.cli, 'SIGTERM', 143);
    await this.#missed(worker);
  }

  /** Resolves when it has stopped. */
  async freeze(worker: Worker): Promise<void> {
    worker.frozen = true;
    worker.cli.kill('SIGSTOP');
    while (stateOf(pidOf(worker)) !== 'T') await sleep(1);
  }

  /** @throws Error if it has not been frozen all the while */
  thaw(worker: Worker): void {
    if (stateOf(pidOf(worker)) !== 'T') throw new Error(`${worker.name} did not stay frozen`);
    worker.cli.kill('SIGCONT');
    worker.frozen = false;
  }

  /** They may end from now on; resolves when the coordinator has sent all home. @throws Error if one ended otherwise */
  async sentHome(): Promise<void> {
    await Promise.all(this.#all.map(({ cli }) => this.#processes.endOf(cli, 0)));
  }

  get #all(): readonly Worker[] {
    return [this.steady, ...this.#others];
  }

  async #missed(worker: Worker): Promise<void> {
    this.#others.splice(this.#others.indexOf(worker), 1);
    await this.#coordinator.when(`${worker.name} is missed`, () => !this.#coordinator.has(worker.name));
  }

  #start(): Worker {
    const name = `w${++this.#started}`;
    const { url } = this.#coordinator;
    const args = ['worker', url, '--token', TOKEN, '--threads', '1', '--name', name, '--json'];
    return { name, cli: this.#processes.start(name, args), frozen: false };
  }
}

const pidOf = ({ cli }: Worker): number => cli.process.pid ?? 0;
