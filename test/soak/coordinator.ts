/**
 * The coordinator of a soak through its lives: each ends by a signal, and the next one resumes the run at the same port. It
 * has no threads of its own: all work is done by those to whom something happens. What the present life says is followed:
 * steps, checkpoints, who is there.
 */
import { LIVE_PATH } from '../../core/protocol/live.ts';
import type { Cli, CliEvent } from '../support/cli.ts';
import { LivePage } from '../support/livePage.ts';
import type { Processes } from './processes.ts';
import { Watch } from './watch.ts';

/** Often enough that some kill meets one being written. */
const CHECKPOINT_EVERY = 25;
const EVAL_EVERY = 400;
/** What has not come about by now never will. */
const NEVER_MS = 120_000;
/** What workers present. */
export const TOKEN = 'soak';

/** A coordinator from its start to its end. */
export interface Life {
  /** Steps that were made when it began. */
  readonly from: number;
  /** The last step that it told of. */
  step: number;
  /** The last checkpoint that it told of. */
  checkpoint: number;
  /** How many of its first steps had been made before. */
  readonly repeated: number;
  readonly watch: Watch;
}

interface CoordinatorOptions {
  readonly processes: Processes;
  readonly recipe: string;
  readonly out: string;
  /** Called whenever there is a step. */
  readonly onStep: () => void;
}

export class Coordinator {
  readonly lives: Life[] = [];
  /** Names of all remote workers that ever were there. */
  readonly seen = new Set<string>();
  readonly #options: CoordinatorOptions;
  /** Names of those that are there. */
  readonly #present = new Set<string>();
  readonly #waiting = new Set<() => void>();
  #cli: Cli | null = null;
  #page: LivePage | null = null;
  #port = 0;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.#port}`;
  }

  get page(): LivePage {
    if (this.#page === null) throw new Error('there is no coordinator');
    return this.#page;
  }

  /** The present one, or the last. */
  get life(): Life {
    const life = this.lives.at(-1);
    if (life === undefined) throw new Error('there has been no coordinator');
    return life;
  }

  has(worker: string): boolean {
    return this.#present.has(worker);
  }

  /** How many remote workers are there. */
  get workers(): number {
    return this.#present.size;
  }

  /** Resolves once `is` holds; it is asked again at every event of the coordinator. @throws Error if that takes minutes */
  when(what: string, is: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        clearTimeout(timer);
        this.#waiting.delete(watch);
      };
      const timer = setTimeout(() => {
        end();
        reject(new Error(`it never came about that ${what}`));
      }, NEVER_MS).unref();
      const watch = () => {
        if (!is()) return;
        end();
        resolve();
      };
      this.#waiting.add(watch);
      watch();
    });
  }

  /** Begins the run. */
  async begin(): Promise<void> {
    const { recipe, out } = this.#options;
    await this.#live([recipe, '--out', out]);
  }

  /**
   * Kills it, once it has written a checkpoint and made a step beyond it, and resumes the run.
   * @throws Error if that does not begin where it should
   */
  async killAndResume(): Promise<void> {
    const { processes, out } = this.#options;
    await this.when('a step is made after a checkpoint', () => {
      const { from, checkpoint, step } = this.life;
      return checkpoint > from && step > checkpoint;
    });
    await processes.kill(this.#running);
    this.#gone();
    const { step, checkpoint } = this.life;
    await this.#live(['--resume', out]);
    const { from } = this.life;
    if (from < checkpoint || from > step)
      throw new Error(
        `killed after step ${step} and the checkpoint of ${checkpoint}, the run was resumed from ${from}`,
      );
  }

  /** Stops the run as Ctrl-C does, with a checkpoint. */
  async stop(): Promise<void> {
    await this.#options.processes.end(this.#running, 'SIGINT', 130);
    this.#gone();
  }

  /** Resumes the run with its goal reached, once so many workers are there: they evaluate it, and are sent home. */
  async finish(steps: number, workers: number): Promise<void> {
    const { processes, out } = this.#options;
    await this.#live(['--resume', out, '--steps', `${steps}`, '--min-workers', `${workers}`]);
    await processes.endOf(this.#running, 0);
    this.#gone();
  }

  get #running(): Cli {
    if (this.#cli === null) throw new Error('there is no coordinator');
    return this.#cli;
  }

  async #live(args: readonly string[]): Promise<void> {
    const cli = this.#options.processes.start(`coordinator ${this.lives.length + 1}`, [
      ...['train', ...args, '--json', '--samples', '0', '--threads', '0'],
      ...['--listen', `127.0.0.1:${this.#port}`, '--token', TOKEN],
      ...['--checkpoint-every', `${CHECKPOINT_EVERY}`, '--eval-every', `${EVAL_EVERY}`],
    ]);
    this.#cli = cli;
    const from = (await cli.until((e) => e.event === 'start')).step as number;
    const repeated = (this.lives.at(-1)?.step ?? from) - from;
    const watch = new Watch(cli.process.pid ?? 0, () => this.workers);
    this.lives.push({ from, step: from, checkpoint: from, repeated, watch });
    cli.follow((event) => this.#take(event));
    this.#port = (await cli.until((e) => e.event === 'listening')).port as number;
    // From this machine no key is asked for.
    this.#page = await LivePage.open(this.#port, '', LIVE_PATH);
  }

  #gone(): void {
    this.#cli = null;
    this.#page = null;
    this.life.watch.stop();
    this.#present.clear();
    this.#tell();
  }

  #take(event: CliEvent): void {
    const { life } = this;
    if (event.event === 'step') {
      life.step = event.step as number;
      // Whatever it waited for before is no part of what it does for long.
      life.watch.start();
      this.#options.onStep();
    } else if (event.event === 'checkpoint') life.checkpoint = event.step as number;
    else if (event.event === 'worker' && event.kind === 'remote') this.#note(String(event.name), event.joined === true);
    this.#tell();
  }

  /** @param name as in the ledger: w3#12 is the third worker, and the twelfth connection */
  #note(name: string, joined: boolean): void {
    const worker = name.replace(/#\d+$/, '');
    this.seen.add(worker);
    if (joined) this.#present.add(worker);
    else this.#present.delete(worker);
  }

  #tell(): void {
    for (const watch of this.#waiting) watch();
  }
}
