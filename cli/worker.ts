/** `manygrad worker`: joins a coordinator and says what it is doing. */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Logger } from 'pino';
import { UserError } from '../core/errors.ts';
import { bundleModelFile } from '../deploy/modelFile.ts';
import { runRemoteWorker } from '../worker/remote.ts';
import type { Status } from '../worker/session.ts';
import { type LogArguments, logged, openLog } from './log.ts';
import type { OutputMode } from './output.ts';
import { EXIT_CODES, onSignals } from './signals.ts';

export interface WorkerArguments extends LogArguments {
  readonly url: string;
  readonly token: string | undefined;
  /** A file: the authority of the coordinator's certificate, or that certificate. */
  readonly tlsCa: string | undefined;
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
  const logger = openLog(args);
  return logged(logger, () => workAndTell(args, logger));
}

async function workAndTell(args: WorkerArguments, logger: Logger): Promise<number> {
  const [stop, drain] = [new AbortController(), new AbortController()];
  let code = 0;
  let impatience: NodeJS.Timeout | undefined;
  onSignals((signal) => {
    code = EXIT_CODES[signal];
    logger.info({ event: 'stopping', signal });
    if (args.mode === 'person') console.log('Leaving once the work in hand is done (again to leave at once)...');
    drain.abort();
    impatience = setTimeout(() => stop.abort(), args.grace * 1000);
  });
  const [tell, note] = [teller(args), noter(logger)];
  // Of its address no more than who it is: there may be a password in it.
  logger.info({ event: 'start', coordinator: new URL(args.url).host, threads: args.threads });
  try {
    await runRemoteWorker({
      url: args.url,
      ...(args.tlsCa === undefined ? {} : { ca: readCa(args.tlsCa, args.url) }),
      token: args.token ?? '',
      threads: args.threads,
      ...(args.name === undefined ? {} : { name: args.name }),
      trusted: args.trustCode ? 'all' : await Promise.all(args.models.map(bundleModelFile)),
      onStatus: (status) => {
        tell(status);
        note(status);
      },
      signal: stop.signal,
      drain: drain.signal,
    });
  } finally {
    clearTimeout(impatience);
  }
  logger.info({ event: code === 0 ? 'finished' : 'left' });
  if (args.mode === 'person') console.log(code === 0 ? 'The run has finished.' : 'Left.');
  return code;
}

/** Writes down what happens; of work done only where all is to be told. */
function noter(logger: Logger): (status: Status) => void {
  return (status) => {
    switch (status.kind) {
      case 'joined':
        return logger.info({ event: 'joined', run: status.run });
      case 'waiting':
        return logger.warn({ event: 'waiting', reason: status.reason, seconds: status.seconds });
      case 'sentAway':
        return logger.warn({ event: 'sentAway', reason: status.reason, seconds: status.seconds });
      case 'progress':
        return logger.debug({ event: 'answered', step: status.step, microBatches: status.microBatches });
      case 'news':
        return;
      default:
        return status satisfies never;
    }
  };
}

/** @throws UserError */
function readCa(file: string, url: string): string {
  if (new URL(url).protocol !== 'wss:')
    throw new UserError(`--tls-ca is for an address that begins with wss://, and ${url} does not: leave it out.`);
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`${file} cannot be read (${String(error)}): give a file that can be with --tls-ca.`);
  }
  try {
    new X509Certificate(pem);
  } catch {
    throw new UserError(`${file} holds no certificate in PEM form: give the authority's with --tls-ca.`);
  }
  return pem;
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
      case 'sentAway':
        return console.log(
          `The coordinator sent this worker away: ${status.reason}. Coming back in ${status.seconds} s.`,
        );
      default:
        return status satisfies never;
    }
  };
}
