/** The flags of `manygrad worker`. */
import { outputMode } from '../output.ts';
import { checkNode, cores, grace, logging, type Parser, seconds, trustCode, whole } from './common.ts';

export function addWorker(parser: Parser): void {
  parser.command(
    'worker <url>',
    'Compute for a coordinator on another machine',
    (y) =>
      y.positional('url', { type: 'string', demandOption: true, describe: 'ws://HOST:PORT, or wss://' }).options({
        token: { type: 'string', describe: 'The token that the coordinator printed (default: $MANYGRAD_TOKEN)' },
        'tls-ca': {
          type: 'string',
          describe: "The authority of a wss:// coordinator's certificate, or the certificate itself: a PEM file",
        },
        threads: { type: 'number', default: cores, describe: 'Worker threads' },
        name: { type: 'string', describe: 'What to be called (default: host:pid)' },
        model: {
          type: 'string',
          array: true,
          nargs: 1,
          default: [],
          describe: 'A model file (.ts) that the run may train: others are refused',
        },
        'trust-code': trustCode,
        grace: grace('Ctrl-C or SIGTERM gives the work in hand'),
        ...logging,
      }),
    async (a) => {
      checkNode();
      const { work } = await import('../worker.ts');
      process.exitCode = await work({
        url: a.url,
        token: a.token ?? process.env.MANYGRAD_TOKEN,
        tlsCa: a.tlsCa,
        threads: whole('threads', a.threads, 1),
        name: a.name,
        models: a.model,
        trustCode: a.trustCode,
        grace: seconds('grace', a.grace),
        log: a.log,
        logLevel: a.logLevel,
        mode: outputMode(a),
      });
    },
  );
}
