/**
 * The processes of a soak: none may end before it is asked to, none may complain, and none outlives the soak, even one that is
 * killed itself. What they do is not known here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Cli, endAll } from '../support/cli.ts';

const GUARD = fileURLToPath(new URL('guardProcess.ts', import.meta.url));

type Exit = Awaited<Cli['exited']>;

export class Processes {
  /** Rejects when a process ends that was not asked to. */
  readonly failed: Promise<never>;
  readonly #fail: (error: Error) => void;
  readonly #guard: ChildProcess;
  readonly #asked = new Set<Cli>();
  readonly #all: { readonly name: string; readonly pid: number; readonly cli: Cli }[] = [];
  #closed = false;

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.failed = promise;
    this.#fail = reject;
    // In a session of its own: Ctrl-C is not for it.
    this.#guard = spawn(process.execPath, [GUARD], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    this.#guard.on('error', (error) => this.#fail(error));
    // Should somebody have killed it, the soak goes on without.
    this.#guard.stdin?.on('error', () => undefined);
  }

  /** Starts `manygrad` with these arguments. @param name what to call it when it fails */
  start(name: string, args: readonly string[]): Cli {
    if (this.#closed) throw new Error('the soak is over');
    const cli = new Cli(args);
    const { pid } = cli.process;
    if (pid === undefined) throw new Error(`${name} could not be started`);
    this.#guard.stdin?.write(`+${pid}\n`);
    this.#all.push({ name, pid, cli });
    void cli.exited.then(({ code, signal }) => {
      this.#guard.stdin?.write(`-${pid}\n`);
      if (!this.#asked.has(cli)) this.#fail(new Error(`${name} ended by itself (${signal ?? code}): ${cli.stderr}`));
    });
    return cli;
  }

  /** From now on it may end. Resolves when it has. @throws Error if it does so with another code, or by a signal */
  async endOf(cli: Cli, code: number): Promise<void> {
    await this.#end(cli, { code, signal: null });
  }

  /** Ends it by a signal, that code being its answer. @throws Error if it ends otherwise */
  async end(cli: Cli, signal: 'SIGINT' | 'SIGTERM', code: number): Promise<void> {
    cli.kill(signal);
    await this.#end(cli, { code, signal: null });
  }

  /** Kills it. */
  async kill(cli: Cli): Promise<void> {
    cli.kill('SIGKILL');
    await this.#end(cli, { code: null, signal: 'SIGKILL' });
  }

  async #end(cli: Cli, expected: Exit): Promise<void> {
    this.#asked.add(cli);
    const { code, signal } = await cli.exited;
    if (code === expected.code && signal === expected.signal) return;
    const how = (exit: Exit) => exit.signal ?? `code ${exit.code}`;
    throw new Error(
      `a process was to end with ${how(expected)}, and ended with ${how({ code, signal })}: ${cli.stderr}`,
    );
  }

  /** What they said on stderr, each with its name: none of them has anything to say there. */
  get complaints(): string[] {
    return this.#all.flatMap(({ name, cli }) => (cli.stderr === '' ? [] : [`${name} said: ${cli.stderr.trim()}`]));
  }

  /** Kills what is left. @returns how many of all are there nevertheless, which must be none */
  async close(): Promise<number> {
    this.#closed = true;
    for (const { cli } of this.#all) this.#asked.add(cli);
    await endAll();
    this.#guard.stdin?.end();
    return this.#all.filter(({ pid }) => isAlive(pid)).length;
  }
}

/** A letter for what a process does: R runs, S sleeps, T is stopped, Z has ended; null if there is none. */
export function stateOf(pid: number): string | null {
  try {
    return /^State:\s+(\w)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? null;
  } catch {
    return null;
  }
}

export const isAlive = (pid: number): boolean => !['Z', 'X', null].includes(stateOf(pid));
