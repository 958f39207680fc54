/**
 * What the tests of attacks are played on: a small run that lasts as long as it is let, with an honest worker, and what the same
 * recipe gives where nobody else is. How long such a run is changes no step of it.
 */
import { join } from 'node:path';
import { expect } from 'vitest';
import { Cli, type CliEvent, readJsonLines, readSummary, scratch } from '../support/cli.ts';

const RECIPE = ['names-mlp', '--set', 'schedule={name: constant, lr: 0.1}'];
const SMALL = ['--eval-every', '0', '--samples', '0', '--json'];
const ENDLESS = ['--steps', '10000000'];
const DOOR = ['--listen', '127.0.0.1:0', '--token', 't', '--key', 'k'];

/** What attacks must not change. */
export interface Outcome {
  readonly paramsSha256: string;
  /** Of the running statistics. */
  readonly buffersSha256: string;
  /** All of them, from the first. */
  readonly steps: readonly Step[];
}

/** A step as the run's log and the terminal's JSON lines have it. */
export interface Step {
  readonly step: number;
  readonly loss: number;
  readonly gradNorm: number;
}

export class Stage {
  readonly #dir: string;
  readonly remove: () => void;
  readonly #batch: readonly string[];
  readonly #clean = new Map<number, Promise<Outcome>>();
  #runs = 0;

  /** @param microBatches of a step */
  constructor(microBatches: number) {
    const { dir, remove } = scratch();
    this.#dir = dir;
    this.remove = remove;
    this.#batch = ['--set', `batch=${32 * microBatches}`, '--set', 'microBatch=32'];
  }

  /** A new file or folder of the test's. */
  path(name: string): string {
    return join(this.#dir, name);
  }

  /** A run that lasts until it is ended, unless `more` says otherwise. @returns it, and where the door is, once that is open */
  async run(...more: string[]): Promise<StagedRun> {
    const out = this.path(`run-${this.#runs++}`);
    const endless = more.includes('--steps') ? [] : ENDLESS;
    const cli = new Cli(['train', ...RECIPE, ...this.#batch, ...SMALL, '--out', out, ...DOOR, ...endless, ...more]);
    const { url, port } = await cli.until((e) => e.event === 'listening');
    return new StagedRun(cli, out, String(url), Number(port));
  }

  /** What so many steps give on one thread. */
  clean(steps: number): Promise<Outcome> {
    const known = this.#clean.get(steps);
    if (known !== undefined) return known;
    const out = this.path(`clean-${steps}`);
    const cli = new Cli([
      ...['train', ...RECIPE, ...this.#batch, ...SMALL, '--out', out, '--threads', '1', '--steps', String(steps)],
    ]);
    const outcome = cli.exited.then((exit) => {
      expect(exit, cli.stderr).toEqual({ code: 0, signal: null });
      return outcomeOf(out);
    });
    this.#clean.set(steps, outcome);
    return outcome;
  }

  /** The run has ended, and left what one thread alone would have. */
  async expectClean(run: StagedRun): Promise<void> {
    const { steps } = readSummary(run.out);
    expect(steps).toBeGreaterThan(0);
    expect(outcomeOf(run.out)).toEqual(await this.clean(steps));
  }
}

export class StagedRun {
  readonly cli: Cli;
  readonly out: string;
  readonly url: string;
  readonly port: number;

  constructor(cli: Cli, out: string, url: string, port: number) {
    this.cli = cli;
    this.out = out;
    this.url = url;
    this.port = port;
  }

  /** An honest worker, in a process of its own. */
  worker(name: string, token = 't'): Cli {
    return new Cli(['worker', this.url, '--token', token, '--threads', '1', '--name', name, '--json']);
  }

  joined(name: string): Promise<CliEvent> {
    return this.cli.until((e) => e.event === 'worker' && isOf(name, e) && e.joined === true);
  }

  /** A worker of this name leaves, before so many more steps are made. @returns why */
  async left(name: string, within = 1000): Promise<string> {
    let before = this.cli.events.length;
    let steps = 0;
    const last = await this.cli.until((e) => {
      const isOld = before-- > 0;
      if (e.event === 'worker' && isOf(name, e)) return e.joined === false;
      return !isOld && e.event === 'step' && ++steps > within;
    });
    expect(last.event, `${name} is still there after ${within} steps`).toBe('worker');
    return String(last.reason);
  }

  /** What was told of a worker of this name. */
  told(event: string, name: string): CliEvent[] {
    return this.cli.events.filter((e) => e.event === event && isOf(name, e));
  }

  /** The steps that were told of up to each rollback, and after the last. */
  get stretches(): Step[][] {
    const all: Step[][] = [[]];
    for (const e of this.cli.events) {
      if (e.event === 'step') all.at(-1)?.push(...stepOf(e as unknown as Step));
      if (e.event === 'rollback') all.push([]);
    }
    return all;
  }

  /** Makes so many more steps from now. */
  async goesOn(steps: number): Promise<void> {
    let before = this.cli.events.length;
    let left = steps;
    await this.cli.until((e) => before-- <= 0 && e.event === 'step' && --left <= 0);
  }

  /** Ends it as an operator would; it keeps the step under way. */
  async end(): Promise<void> {
    this.cli.kill('SIGTERM');
    expect(await this.cli.exited, this.cli.stderr).toEqual({ code: 143, signal: null });
  }
}

/** Whether an event is of a worker of this name, whatever its number. */
const isOf = (name: string, { name: label }: CliEvent): boolean => String(label).replace(/#\d+$/, '') === name;

/** Of a line that is about something else, nothing. */
const stepOf = ({ step, loss, gradNorm }: Step): Step[] => (gradNorm === undefined ? [] : [{ step, loss, gradNorm }]);

function outcomeOf(out: string): Outcome {
  const { paramsSha256, buffersSha256 } = readSummary(out);
  const steps = readJsonLines<Step>(join(out, 'log.jsonl')).flatMap(stepOf);
  return { paramsSha256, buffersSha256, steps };
}
