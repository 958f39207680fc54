/** `train --listen`: opens the run's door, for workers, volunteers and the operator, and prints the ways in. */
import { randomBytes } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { basename } from 'node:path';
import { renderUnicodeCompact } from 'uqr';
import { bearerOf } from '../coordinator/door/bearer.ts';
import { listen } from '../coordinator/door/server.ts';
import { openLive } from '../coordinator/live/live.ts';
import type { PreparedRun } from '../coordinator/prepare.ts';
import type { TrainingRun } from '../coordinator/run.ts';
import { fingerprint } from '../core/backend/fingerprint.ts';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { makePages } from '../deploy/pages.ts';
import type { TrainingOutput } from './output.ts';

export interface DoorOptions {
  readonly at: { readonly host: string; readonly port: number };
  readonly token: string | undefined;
  readonly key: string | undefined;
  readonly by: string;
  readonly numerics: 'exact' | 'any';
  /** The ways in have been printed before. */
  readonly again?: boolean;
}

export interface Door {
  readonly port: number;
  readonly bytes: { readonly sent: number; readonly received: number };
  close(finished: boolean): Promise<void>;
}

/** A token or a key that nobody can guess. */
export const secret = (): string => randomBytes(12).toString('base64url');

/** To be called before the run starts. @throws UserError if the address cannot be listened on */
export async function openDoor(
  { at: { host, port }, token = secret(), key = secret(), by, numerics, again }: DoorOptions,
  prepared: PreparedRun,
  run: TrainingRun,
  output: TrainingOutput,
): Promise<Door> {
  const { spec, trainer, batches, folder } = prepared;
  const live = await openLive(run, prepared, { by, key });
  const statistics = batches.microBatches * trainer.statisticsLength;
  const server = await listen({
    host,
    port,
    identify: bearerOf(token),
    numerics: numerics === 'any' ? null : await fingerprint(await createWasmBackend()),
    run: basename(folder.dir),
    model: spec,
    maxResultBytes: 4 * (trainer.parameterCount + statistics) + 16,
    connect: () => run.connect(),
    state: () => trainer.state,
    news: (id) => live.news(id),
    info: live.info,
    pages: await makePages(spec.name === 'custom' ? spec.code : null),
    operator: (socket, exempt, opened) => live.accept(socket, exempt, opened),
  }).catch(async (error: unknown) => {
    await live.close();
    throw error;
  });
  const everywhere = host === '0.0.0.0' || host === '::';
  const name = everywhere ? lanAddress() : host.includes(':') ? `[${host}]` : host;
  const address = `${name}:${server.port}`;
  const url = `ws://${address}`;
  const join = `http://${address}/join#token=${encodeURIComponent(token)}`;
  const here = `http://${everywhere ? 'localhost' : name}:${server.port}/`;
  const dashboard = `http://${address}/#key=${encodeURIComponent(key)}`;
  const say = (text: string) => {
    if (again !== true) output.say(text);
  };
  say('');
  if (process.stdout.isTTY) say(renderUnicodeCompact(join));
  say(`Browsers lend a hand at  ${join}`);
  say(`Other machines with      manygrad worker ${url} --token ${token}`);
  say(`Watch and steer it at    ${isLoopback(name) || everywhere ? here : dashboard}`);
  if (everywhere) say(`  or from elsewhere at   ${dashboard}`);
  say('');
  output.event({ event: 'listening', url, port: server.port, token, join, dashboard });
  return {
    port: server.port,
    bytes: server.bytes,
    close: async (finished) => {
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
