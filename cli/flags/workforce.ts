/** The flags of whatever trains with others' help: who does a run's work, and who may watch. */
import { UserError } from '../../core/errors.ts';
import type { LOG_LEVELS } from '../output.ts';
import { cores, grace, logging, seconds, whole } from './common.ts';

/** [HOST:]PORT, or :PORT for all interfaces. */
export function parseListen(value: string): { host: string; port: number } {
  const match = /^(?:(?<host>.*):)?(?<port>\d{1,5})$/.exec(value);
  const port = Number(match?.groups?.port);
  if (match === null || port > 65_535)
    throw new UserError(`--listen ${value} is no address: write it as HOST:PORT or :PORT.`);
  // An IPv6 address stands in brackets, [::1]:8080.
  return { host: match.groups?.host?.replace(/^\[|\]$/g, '') || '0.0.0.0', port };
}

/** Who does a run's work, and who may watch. */
export const workforce = {
  threads: { type: 'number', default: cores, describe: 'Worker threads here; 0 leaves the work to others' },
  listen: {
    type: 'string',
    describe: 'Open a door at HOST:PORT (:PORT for all interfaces): workers, browsers, the dashboard',
  },
  'min-workers': {
    type: 'number',
    default: 0,
    describe: 'Begin once so many workers are there (the threads count as one)',
  },
  token: {
    type: 'string',
    describe: 'What a worker must present (default: $MANYGRAD_TOKEN, or drawn and printed); none: only --tokens count',
  },
  tokens: { type: 'string', describe: "A file of workers' own tokens (see manygrad token); heeded when it changes" },
  'tls-cert': { type: 'string', describe: 'Speak TLS: the certificate, a PEM file; read again when it changes' },
  'tls-key': { type: 'string', describe: 'Its private key, a PEM file' },
  key: {
    type: 'string',
    describe: 'What the dashboard asks for away from this machine (default: $MANYGRAD_KEY, or drawn and printed)',
  },
  by: { type: 'string', default: '', describe: 'Who runs this, for volunteers to read' },
  numerics: {
    choices: ['exact', 'any'] as const,
    default: 'exact' as const,
    describe: 'Admit only workers that compute the same bits, or any',
  },
  grace: grace('SIGTERM gives the step under way'),
  ...logging,
} as const;

export function parseWorkforce(a: {
  readonly threads: number;
  readonly listen: string | undefined;
  readonly minWorkers: number;
  readonly token: string | undefined;
  readonly tokens: string | undefined;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly key: string | undefined;
  readonly by: string;
  readonly numerics: 'exact' | 'any';
  readonly grace: number;
  readonly log: string | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}) {
  const { tlsCert: cert, tlsKey: key } = a;
  if ((cert === undefined) !== (key === undefined))
    throw new UserError('--tls-cert and --tls-key belong together: give both, or neither.');
  return {
    threads: whole('threads', a.threads, 0),
    listen: a.listen === undefined ? undefined : parseListen(a.listen),
    minWorkers: whole('min-workers', a.minWorkers, 0),
    token: a.token ?? process.env.MANYGRAD_TOKEN,
    tokens: a.tokens,
    tls: cert === undefined || key === undefined ? undefined : { cert, key },
    key: a.key ?? process.env.MANYGRAD_KEY,
    by: a.by,
    numerics: a.numerics,
    grace: seconds('grace', a.grace),
    log: a.log,
    logLevel: a.logLevel,
  };
}
