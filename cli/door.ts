/** `train --listen`: opens the run's door, for workers, volunteers and the operator, and prints the ways in. */
import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import type { Logger } from 'pino';
import { renderUnicodeCompact } from 'uqr';
import { listen } from '../coordinator/door/server.ts';
import { nameFor, readPair, type TlsFiles } from '../coordinator/door/tls.ts';
import { type NamedTokenizer, TokenizerShelf } from '../coordinator/door/tokenizers.ts';
import { openTokens } from '../coordinator/door/tokens.ts';
import { RunCounts } from '../coordinator/live/counts.ts';
import { HealthWatch } from '../coordinator/live/health.ts';
import { openLive } from '../coordinator/live/live.ts';
import { openMetrics } from '../coordinator/live/metrics.ts';
import type { RunLog } from '../coordinator/live/runLog.ts';
import type { PreparedRun } from '../coordinator/prepare.ts';
import type { TrainingRun } from '../coordinator/run.ts';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { systemClock } from '../core/clock.ts';
import { makePages } from '../deploy/pages.ts';
import type { TrainingOutput } from './output.ts';

export interface DoorOptions {
  readonly at: { readonly host: string; readonly port: number };
  /** NO_TOKEN for none: only those of `tokens` count. */
  readonly token: string | undefined;
  /** A file of the workers' own tokens. */
  readonly tokens: string | undefined;
  readonly tls: TlsFiles | undefined;
  readonly key: string | undefined;
  readonly by: string;
  readonly numerics: 'exact' | 'any';
  readonly log: RunLog;
  readonly logger: Logger;
  /** Told what somebody should mend, in sentences. */
  readonly warn: (sentence: string) => void;
  /** The ways in have been printed before. */
  readonly again?: boolean;
}

export interface Door {
  readonly port: number;
  readonly bytes: { readonly sent: number; readonly received: number };
  close(finished: boolean): Promise<void>;
}

/** `--token none`: the run has no token that its workers share. */
export const NO_TOKEN = 'none';

/** A token or a key that nobody can guess. */
export const secret = (): string => randomBytes(12).toString('base64url');

/** To be called before the run starts. @throws UserError if the address cannot be listened on, or a file cannot be read */
export async function openDoor(
  options: DoorOptions,
  prepared: PreparedRun,
  run: TrainingRun,
  output: TrainingOutput,
): Promise<Door> {
  const { at, tls, key = secret(), by, numerics, again, log, logger, warn } = options;
  const { spec, trainer, batches, folder, steps } = prepared;
  const { host } = at;
  const pair = tls === undefined ? null : readPair(tls);
  const token = options.token === NO_TOKEN ? null : (options.token ?? secret());
  const tokens = openTokens({ shared: token, file: options.tokens ?? null, onProblem: warn });
  const live = await openLive(run, prepared, { by, key });
  const health = new HealthWatch(trainer.step, systemClock);
  const counts = new RunCounts(trainer.step, systemClock);
  run.observe(health);
  run.observe(counts);
  const metrics = openMetrics({
    counts,
    run: live.info.run,
    model: live.info.model,
    steps,
    traffic: () => server.bytes,
  });
  const statistics = batches.microBatches * trainer.statisticsLength;
  const server = await listen({
    ...at,
    tls,
    onProblem: warn,
    identify: tokens.identify,
    onRefusal: (refusal) => {
      log.onRefusal(refusal);
      counts.onRefusal(refusal);
    },
    probes: { health: () => health.health, metrics, key },
    numerics: numerics === 'any' ? null : await fingerprint(await createWasmBackend()),
    run: basename(folder.dir),
    model: spec,
    maxResultBytes: 4 * (trainer.parameterCount + statistics) + 16,
    connect: () => run.connect(),
    state: () => trainer.state,
    news: (id) => live.news(id),
    info: live.info,
    tokenizers: { shelf: new TokenizerShelf(ownTokenizer(prepared)), key },
    pages: await makePages(spec.name === 'custom' ? spec.code : null),
    operator: (socket, exempt, opened) => live.accept(socket, exempt, opened),
  }).catch(async (error: unknown) => {
    tokens.close();
    await live.close();
    throw error;
  });
  tokens.watch(() => server.recheck());
  const { port } = server;
  const named = (name: string) => (pair === null ? name : nameFor(name, pair));
  const [ws, web] = pair === null ? ['ws', 'http'] : ['wss', 'https'];
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = named(everywhere ? lanAddress() : host.includes(':') ? `[${host}]` : host);
  const ownName = everywhere ? named('localhost') : name;
  const url = `${ws}://${name}:${port}`;
  const join = `${web}://${name}:${port}/join${token === null ? '' : `#token=${encodeURIComponent(token)}`}`;
  const dashboard = `${web}://${name}:${port}/#key=${encodeURIComponent(key)}`;
  const say = (text: string) => {
    if (again !== true) output.say(text);
  };
  // Its own issuer is no authority that the others know.
  const ca = pair?.certificate.checkIssued(pair.certificate) ? ' --tls-ca <the certificate>' : '';
  say('');
  if (process.stdout.isTTY && token !== null) say(renderUnicodeCompact(join));
  say(`Browsers lend a hand at  ${token === null ? `${join}#token=<their token>` : join}`);
  say(`Other machines with      manygrad worker ${url} --token ${token ?? '<their token>'}${ca}`);
  say(`Watch and steer it at    ${isLoopback(ownName) ? `${web}://${ownName}:${port}/` : dashboard}`);
  if (everywhere && isLoopback(ownName)) say(`  or from elsewhere at   ${dashboard}`);
  say('');
  output.event({ event: 'listening', url, port, token, join, dashboard });
  logger.info({ event: 'listening', url });
  return {
    port,
    get bytes() {
      return server.bytes;
    },
    close: async (finished) => {
      tokens.close();
      await live.close();
      await server.close(finished);
    },
  };
}

const isLoopback = (name: string): boolean => name === 'localhost' || name === '[::1]' || name.startsWith('127.');

/** This machine's first address that another could reach, or loopback. */
function lanAddress(): string {
  for (const addresses of Object.values(networkInterfaces()))
    for (const { family, internal, address } of addresses ?? []) if (family === 'IPv4' && !internal) return address;
  return '127.0.0.1';
}

/** What a run is spelled by, by the run's name, for the page of tokens; none where that is characters. */
function ownTokenizer({ config, folder, tokenizer }: PreparedRun): NamedTokenizer[] {
  return config.recipe.data.tokenizerSha256 === undefined ? [] : [{ name: basename(folder.dir), tokenizer }];
}
