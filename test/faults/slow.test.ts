/**
 * Those who do harm by doing little: who hold a lease and do not answer it, or for ever; and a thousand connections that say
 * nothing, or a byte at a time. The run waits for none of them, honest workers come in and train, and the bits are those of a
 * clean run.
 */
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterAll, afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { encodeFrames } from '../../core/protocol/frames.ts';
import { resultMessage } from '../../core/protocol/messages.ts';
import { type Answer, Attacker, endAttackers } from '../support/attackers.ts';
import { bare, closed, endBareSockets, frameHead, plain } from '../support/bareSockets.ts';
import { endAll } from '../support/cli.ts';
import { worked } from '../support/ledger.ts';
import { get, samples } from '../support/scrape.ts';
import { Stage } from './stage.ts';

const stage = new Stage(4);
const cleanUps: (() => void)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
  endAttackers();
  endBareSockets();
  await endAll();
});
afterAll(stage.remove);

/** Writes a byte to each now and then, as long as the test lasts. */
function drip(sockets: readonly Socket[]): void {
  const timer = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('a');
  }, 100);
  cleanUps.push(() => clearInterval(timer));
}

/** The stream below a WebSocket, for whoever writes its frames himself. */
const streamOf = (socket: WebSocket): Socket => (socket as unknown as { _socket: Socket })._socket;

const stalls: Record<string, Answer> = {
  'never answers': () => undefined,
  'begins a result, and is heard of again by its pongs alone': async (work, self) => {
    const [frame] = encodeFrames(resultMessage(await self.honest(work)));
    self.socket.send((frame as Uint8Array).subarray(0, 20_000));
  },
  'sends a result byte by byte': async (work, self) => {
    const [frame] = encodeFrames(resultMessage(await self.honest(work)));
    streamOf(self.socket).write(frameHead(frame?.byteLength ?? 0));
    drip([streamOf(self.socket)]);
  },
};

test('those who hold a lease and do not answer it are not waited for', async () => {
  const run = await stage.run('--threads', '0');
  run.worker('honest');
  await run.joined('honest');
  const stalled = Object.entries(stalls).map(([name, stall]) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    // A few honest answers first, so that there is a pace to fall behind.
    const attacker = new Attacker(run.url, { name, autoPong: !name.includes('byte') }, async (work, self) => {
      if (self.leases < 4) return self.answer(await self.honest(work));
      if (self.leases > 4) throw new Error(`${name} was handed another lease`);
      await stall(work, self);
      resolve();
    });
    return { attacker, promise };
  });
  await Promise.all(stalled.map(({ promise }) => promise));
  await run.goesOn(20);
  for (const { attacker } of stalled) {
    expect(attacker.leases).toBe(4);
    expect(attacker.socket.readyState, attacker.name).toBe(WebSocket.OPEN);
  }
  await run.end();
  await stage.expectClean(run);
}, 120_000);

/** How much memory a process has, or had at its height, in MiB. */
function memory(pid: number, line: 'VmRSS' | 'VmHWM'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
}

test.runIf(process.platform === 'linux')(
  'a thousand who are idle, or send a byte at a time, keep nobody out, take no memory and are shown out',
  async () => {
    const run = await stage.run('--threads', '0');
    run.worker('early');
    await run.joined('early');
    await run.goesOn(200);
    const pid = Number(run.cli.process.pid);
    const before = memory(pid, 'VmRSS');

    const many = (n: number, open = plain) => Promise.all(Array.from({ length: n }, () => open(run.port)));
    const silent = await many(500);
    const headers = await many(200);
    for (const socket of headers) socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-');
    // WebSockets on which no hello comes. One third of these begin a frame, and go on with it a byte at a time.
    const hellos = await many(300, bare);
    const frames = hellos.slice(0, 100);
    for (const socket of frames) socket.write(frameHead(200));
    drip([...headers, ...frames]);
    const all = [...silent, ...headers, ...hellos];
    const ends = all.map((socket) => closed(socket.resume()));
    const said = hellos.map(() => Buffer.alloc(0));
    for (const [i, socket] of hellos.entries())
      socket.on('data', (data: Buffer) => {
        said[i] = Buffer.concat([said[i] as Buffer, data]);
      });
    expect(all.filter((socket) => socket.closed).length).toBe(0);

    run.worker('late');
    await run.joined('late');
    await run.goesOn(20);
    expect(all.filter((socket) => !socket.closed).length).toBeGreaterThan(900);
    await Promise.all(ends);
    const metrics = samples((await get(run.port, '/metrics')).text);
    expect(metrics.get('manygrad_refusals_total{reason="silent"}')).toBe(hellos.length);
    expect(said.filter((bytes) => bytes.includes('no hello came')).length).toBe(hellos.length);
    await run.goesOn(20);
    // Training itself takes some, the more the younger a process is.
    expect(memory(pid, 'VmHWM') - before).toBeLessThan(128);
    await run.end();
    await stage.expectClean(run);
    for (const name of ['early', 'late']) expect(worked(run.out, name), name).toBe(true);
  },
  180_000,
);
