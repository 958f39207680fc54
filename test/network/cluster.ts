/** A coordinator and workers on hosts of their own, each behind a link as the test wants it: real `manygrad` processes. */
import { join } from 'node:path';
import { type Cli, type CliEvent, scratch } from '../support/cli.ts';
import { Network } from './namespaces.ts';
import { type Probe, probeSchema } from './probe.ts';

/** Where a worker is. */
export interface Place {
  /** Mbit/s either way; unlimited if left out. */
  readonly mbit?: number;
  /** What a delayProxy before the coordinator adds, one way, in ms. */
  readonly delay?: { readonly mean: number; readonly jitter: number };
}

export interface ClusterOptions {
  readonly workers: Readonly<Record<string, Place>>;
  /** Of `train`: the preset, and what shapes the run. */
  readonly train: readonly string[];
  /** Of the coordinator's link; unlimited if left out. */
  readonly coordinatorMbit?: number;
}

/** The coordinator's host. */
export const COORDINATOR = 'hub';
const PROXIES = 'proxies';
const PORT = 8080;
const PROBE_PORT = 7001;
const FIRST_PROXY_PORT = 9000;
const TOKEN = 'secret';

/** Accepts the event that a worker of this name has joined, or left. */
export const workerEvent =
  (name: string, joined: boolean) =>
  (e: CliEvent): boolean =>
    e.event === 'worker' && String(e.name).startsWith(`${name}#`) && e.joined === joined;

const listening = (e: CliEvent): boolean => e.event === 'listening';

export class Cluster {
  readonly network = new Network();
  readonly #options: ClusterOptions;
  readonly #scratch = scratch();
  /** The run's folder. */
  readonly out = join(this.#scratch.dir, 'run');
  readonly workers = new Map<string, Cli>();
  /** The proxies before the coordinator, of the workers that have one. */
  readonly proxies = new Map<string, Cli>();
  readonly #addresses: { readonly coordinator: string; readonly proxies: string };
  readonly #urls = new Map<string, string>();
  #nextProxyPort = FIRST_PROXY_PORT;
  #coordinator: Cli | null = null;

  /** Makes the hosts: one for the coordinator, one for proxies, and one named after each worker. */
  constructor(options: ClusterOptions) {
    this.#options = options;
    const { network } = this;
    this.#addresses = { coordinator: network.host(COORDINATOR), proxies: network.host(PROXIES) };
    if (options.coordinatorMbit !== undefined) network.limit(COORDINATOR, options.coordinatorMbit);
    for (const [name, { mbit }] of Object.entries(options.workers)) {
      network.host(name);
      if (mbit !== undefined) network.limit(name, mbit);
    }
  }

  /** The coordinator that was started last. */
  get coordinator(): Cli {
    if (this.#coordinator === null) throw new Error('the coordinator has not been started');
    return this.#coordinator;
  }

  /** Starts the coordinator, which waits for all workers, and these. */
  async start(): Promise<void> {
    const names = Object.keys(this.#options.workers);
    for (const name of names) {
      const { to, proxy } = await this.#path(name, PORT);
      this.#urls.set(name, `ws://${to}`);
      if (proxy !== null) this.proxies.set(name, proxy);
    }
    await this.coordinate(['train', ...this.#options.train, '--out', this.out]);
    for (const name of names) this.work(name);
  }

  /** Starts a coordinator on its host: for a new run, or one that goes on with it. It waits for all workers. */
  async coordinate(args: readonly string[]): Promise<Cli> {
    const quiet = ['--threads', '0', '--json', '--samples', '0', '--eval-every', '0'];
    const workers = ['--min-workers', String(Object.keys(this.#options.workers).length)];
    const door = ['--listen', `0.0.0.0:${PORT}`, '--token', TOKEN];
    const coordinator = this.network.run(COORDINATOR, [...args, ...quiet, ...workers, ...door]);
    this.#coordinator = coordinator;
    await coordinator.until(listening);
    return coordinator;
  }

  /** Starts a worker on the host of this name. */
  work(name: string): Cli {
    const worker = this.network.run(name, [
      ...['worker', this.#urls.get(name) ?? '', '--token', TOKEN, '--threads', '1', '--name', name, '--json'],
    ]);
    this.workers.set(name, worker);
    return worker;
  }

  /** What the paths of the workers carry, one after the other, of messages of so many bytes. */
  async probe(names: readonly string[], bytes: number): Promise<Probe[]> {
    const server = this.network.program(COORDINATOR, 'probe.ts', ['--listen', String(PROBE_PORT)]);
    await server.until(listening);
    const probes: Probe[] = [];
    for (const name of names) {
      const { to, proxy } = await this.#path(name, PROBE_PORT);
      const client = this.network.program(name, 'probe.ts', ['--to', to, '--bytes', String(bytes)]);
      probes.push(probeSchema.parse(await client.until((e) => e.event === 'probe')));
      proxy?.kill('SIGTERM');
    }
    server.kill('SIGTERM');
    return probes;
  }

  async destroy(): Promise<void> {
    await this.network.destroy();
    this.#scratch.remove();
  }

  /** What a worker connects to, to reach a port of the coordinator's host: the port itself, or a new proxy before it. */
  async #path(name: string, port: number): Promise<{ readonly to: string; readonly proxy: Cli | null }> {
    const { coordinator, proxies } = this.#addresses;
    const delay = this.#options.workers[name]?.delay;
    if (delay === undefined) return { to: `${coordinator}:${port}`, proxy: null };
    const at = this.#nextProxyPort++;
    const proxy = this.network.program(PROXIES, 'delayProxy.ts', [
      ...['--listen', String(at), '--to', `${coordinator}:${port}`],
      ...['--delay', String(delay.mean), '--jitter', String(delay.jitter), '--seed', String(at)],
    ]);
    await proxy.until(listening);
    return { to: `${proxies}:${at}`, proxy };
  }
}
