/** `manygrad worker`: joins a coordinator and says what it is doing. */
import { UserError } from '../core/errors.ts';
import { bundleModelFile } from '../deploy/modelFile.ts';
import { runRemoteWorker } from '../worker/remote.ts';
import type { Status } from '../worker/session.ts';
import type { OutputMode } from './output.ts';
import { EXIT_CODES, onSignals } from './signals.ts';

export interface WorkerArguments {
  readonly url: string;
  readonly token: string | undefined;
  readonly threads: number;
  readonly name: string | undefined;
  /** Model files that the run may train. */
  readonly models: readonly string[];
  readonly trustCode: boolean;
  /** How many seconds a signal gives the leases in hand. */
  readonly grace: number;
  readonly mode: OutputMode;
}

/** Progress is told to a person this often. */
const TELL_MS = 10_000;

/** @returns the exit code: 0, or 130 / 143 if it was stopped by SIGINT / SIGTERM. @throws UserError */
export async function work(args: WorkerArguments): Promise<number> {
  if (!URL.canParse(args.url) || !['ws:', 'wss:'].includes(new URL(args.url).protocol))
    throw new UserError(
      `${args.url} is no address of a coordinator: write it as ws://HOST:PORT, as the coordinator printed it.`,
    );
  if (args.threads < 1) throw new UserError('--threads must be at least 1: a worker needs a thread to compute on.');
  const [stop, drain] = [new AbortController(), new AbortController()];
  let code = 0;
  let impatience: NodeJS.Timeout | undefined;
  onSignals((signal) => {
    code = EXIT_CODES[signal];
    if (args.mode === 'person') console.log('Leaving once the work in hand is done (again to leave at once)...');
    drain.abort();
    impatience = setTimeout(() => stop.abort(), args.grace * 1000);
  });
  try {
    await runRemoteWorker({
      url: args.url,
      token: args.token ?? '',
      threads: args.threads,
      ...(args.name === undefined ? {} : { name: args.name }),
      trusted: args.trustCode ? 'all' : await Promise.all(args.models.map(bundleModelFile)),
      onStatus: teller(args),
      signal: stop.signal,
      drain: drain.signal,
    });
  } finally {
    clearTimeout(impatience);
  }
  if (args.mode === 'person') console.log(code === 0 ? 'The run has finished.' : 'Left.');
  return code;
}

function teller({ mode, url, threads }: WorkerArguments): (status: Status) => void {
  let told = 0;
  return (status) => {
    if (status.kind === 'progress') {
      if (performance.now() - told < TELL_MS) return;
      told = performance.now();
    }
    if (mode === 'json') console.log(JSON.stringify({ event: status.kind, ...status }));
    if (mode !== 'person') return;
    switch (status.kind) {
      case 'joined':
        return console.log(`Joined ${status.run} at ${url} with ${threads} ${threads === 1 ? 'thread' : 'threads'}.`);
      case 'progress':
        return console.log(`step ${status.step}: ${status.microBatches} micro-batches computed here`);
      case 'news':
        return;
      case 'waiting':
        return console.log(`No coordinator (${status.reason}): trying again in ${status.seconds.toFixed(1)} s.`);
      default:
        return status satisfies never;
    }
  };
}
