/** What the tests of a coordinator's operation have in common: its log, its door over HTTP, and a worker that never answers. */
import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { type RequestOptions, request } from 'node:http';
import { request as secureRequest } from 'node:https';
import { dirname, join } from 'node:path';
import { generate } from 'selfsigned';
import { WebSocket } from 'ws';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import { fromCoordinatorSchema, SUBPROTOCOL } from '../../core/protocol/messages.ts';
import { wasm } from '../support/backends.ts';
import type { CliEvent } from '../support/cli.ts';

export type Host = { readonly type: 2; readonly value: string } | { readonly type: 7; readonly ip: string };

/** This machine, by a name and by an address. */
export const HERE: readonly Host[] = [
  { type: 2, value: 'localhost' },
  { type: 7, ip: '127.0.0.1' },
];

/** Makes a certificate that is its own authority, and writes NAME.crt and NAME.key to a folder. */
export async function certify(dir: string, name: string, hosts = HERE): Promise<{ cert: string; private: string }> {
  const pem = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    algorithm: 'sha256',
    extensions: [{ name: 'subjectAltName', altNames: [...hosts] }],
  });
  writeFileSync(join(dir, `${name}.crt`), pem.cert);
  writeFileSync(join(dir, `${name}.key`), pem.private);
  return pem;
}

/** A line of `--log`. */
export interface LogEntry extends CliEvent {
  readonly level: string;
  readonly time: string;
}

/** The whole lines of a log so far. @throws if one is no JSON */
export function readLog(file: string): LogEntry[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as LogEntry);
}

/** Waits until a log has a line that `is` accepts. */
export async function logHas(file: string, is: (entry: LogEntry) => boolean): Promise<LogEntry> {
  const watcher = watch(dirname(file));
  try {
    for (;;) {
      const changed = once(watcher, 'change');
      const found = readLog(file).find(is);
      if (found !== undefined) return found;
      await changed;
    }
  } finally {
    watcher.close();
  }
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Asks a coordinator on this machine over HTTP, or HTTPS where there is a `ca`. */
export function get(port: number, path: string, options: RequestOptions & { ca?: string } = {}): Promise<Answer> {
  const ask = options.ca === undefined ? request : secureRequest;
  return new Promise((resolve, reject) => {
    const asked = ask({ host: '127.0.0.1', port, path, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part: string) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

/** Joins, takes a lease, and never answers it. @returns once it holds one */
export async function stall(url: string, token: string): Promise<WebSocket> {
  const numerics = await fingerprint(wasm);
  const socket = new WebSocket(url, SUBPROTOCOL);
  const decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('error', () => undefined);
  socket.on('open', () => {
    const hello = { kind: 'hello', token, name: 'staller', agent: 'remote', slots: 1, numerics, holds: null } as const;
    for (const frame of encodeFrames({ header: hello, parts: [] })) socket.send(frame);
  });
  socket.on('message', (data: Buffer) => {
    if (decoder.push(data)?.header.kind === 'work') resolve();
  });
  await promise;
  return socket;
}

/** The samples of a scrape: value by name and labels, as they are written. */
export function samples(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}
