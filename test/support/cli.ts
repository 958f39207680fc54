/** The command line as a test drives it: real processes, read through their JSON lines, none left behind. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

export const root = fileURLToPath(new URL('../..', import.meta.url));

export interface CliEvent {
  readonly event: string;
  readonly [key: string]: unknown;
}

const alive = new Set<Cli>();

interface CliHow {
  /** A command that runs the one which follows it, under the same process id; none if left out. */
  readonly launcher?: readonly string[];
  /** Another program than `manygrad`, which prints such lines as well. */
  readonly program?: string;
}

/** One `manygrad` process. */
export class Cli {
  readonly process: ChildProcess;
  readonly events: CliEvent[] = [];
  /** When each of them came, by `performance.now()`. */
  readonly arrivals: number[] = [];
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  stdout = '';
  stderr = '';
  readonly #watchers = new Set<() => void>();
  #ended = false;

  constructor(args: readonly string[], env: Record<string, string> = {}, how: CliHow = {}) {
    const { launcher = [], program = 'cli.ts' } = how;
    const [command = process.execPath, ...rest] = [...launcher, process.execPath, program, ...args];
    this.process = spawn(command, rest, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    alive.add(this);
    const { stdout, stderr } = this.process;
    if (stdout === null || stderr === null) throw new Error('the process has no pipes');
    createInterface({ input: stdout }).on('line', (line) => {
      this.stdout += `${line}\n`;
      if (line.startsWith('{')) {
        this.events.push(JSON.parse(line) as CliEvent);
        this.arrivals.push(performance.now());
      }
      for (const watch of this.#watchers) watch();
    });
    stderr.on('data', (data: Buffer) => {
      this.stderr += data.toString();
    });
    this.exited = once(this.process, 'close').then(([code, signal]) => {
      alive.delete(this);
      this.#ended = true;
      for (const watch of this.#watchers) watch();
      return { code, signal };
    });
  }

  /** The first event that `is` accepts, past or to come. Rejects if the process ends without it. */
  until(is: (event: CliEvent) => boolean): Promise<CliEvent> {
    return new Promise((resolve, reject) => {
      let looked = 0;
      const watch = () => {
        for (; looked < this.events.length; looked++) {
          const event = this.events[looked] as CliEvent;
          if (!is(event)) continue;
          this.#watchers.delete(watch);
          return resolve(event);
        }
        if (this.#ended)
          reject(new Error(`the process ended before the event came:\n${this.stdout.slice(-2000)}${this.stderr}`));
      };
      this.#watchers.add(watch);
      watch();
    });
  }

  /** Shows every event, past and to come, in order. */
  follow(see: (event: CliEvent) => void): void {
    this.until((event) => {
      see(event);
      return false;
    }).catch(() => undefined);
  }

  step(n: number): Promise<CliEvent> {
    return this.until((e) => e.event === 'step' && (e.step as number) >= n);
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal);
  }
}

/** The command fails with one line on stderr, which says `what`. */
export async function refused(args: readonly string[], what: RegExp): Promise<void> {
  const cli = new Cli(args);
  const { code } = await cli.exited;
  expect(cli.stderr).toMatch(/^manygrad: [^\n]+\n$/);
  expect(cli.stderr).toMatch(what);
  expect(code).toBe(1);
}

/** Ends what a test left running. */
export async function endAll(): Promise<void> {
  const left = [...alive];
  for (const cli of left) cli.kill('SIGKILL');
  await Promise.all(left.map((cli) => cli.exited));
}

/** An empty folder for one test file, removed by `remove`. */
export function scratch(): { dir: string; remove: () => void } {
  const dir = mkdtempSync(join(tmpdir(), 'manygrad-'));
  return { dir, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

export function readJsonLines<T>(file: string): T[] {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);
}

export function readSummary(dir: string): {
  paramsSha256: string;
  buffersSha256: string;
  workersSeen: string[];
  steps: number;
  complete: boolean;
  trainLoss: number | null;
  valLoss: number | null;
} {
  return JSON.parse(readFileSync(join(dir, 'summary.json'), 'utf8'));
}
