/**
 * A real door on a real network, and those who come to harm it: hundreds who say nothing, requests that do not end, floods below
 * the protocol. Each is got rid of by itself, none keeps an honest worker out, and none takes memory. What is behind the
 * door is played.
 */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { bearerOf } from '../../coordinator/door/bearer.ts';
import { type CoordinatorServer, listen } from '../../coordinator/door/server.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import { CloseCode, fromCoordinatorSchema, SUBPROTOCOL } from '../../core/protocol/messages.ts';
import type { WorkerPort } from '../../core/protocol/work.ts';
import { bare, closed, endBareSockets, frameHead, plain } from '../support/bareSockets.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

let server: CoordinatorServer;
/** The workers that the run was told of, in order; and why they left, if they did. */
const workers: { readonly name: string; readonly left: string[] }[] = [];
const named = (wanted: string) => workers.filter(({ name }) => name === wanted);
const open = new Set<WebSocket>();

const unused = (): never => {
  throw new Error('not in this test');
};

beforeAll(async () => {
  server = await listen({
    ...{
      host: '127.0.0.1',
      port: 0,
      identify: bearerOf('t'),
      numerics: null,
      run: 'r',
      model: {},
      maxResultBytes: 1000,
    },
    connect: () => {
      const left: string[] = [];
      return {
        id: 1,
        events: {
          result: unused,
          progress: unused,
          drain: unused,
          returned: unused,
          left: (reason: string) => left.push(reason),
        },
        join: ({ name }: WorkerPort) => workers.push({ name, left }),
      };
    },
    state: () => ({ version: 0, params: new Float32Array(1), buffers: new Float32Array(0) }),
    news: unused,
    info: {
      ...{
        run: 'r',
        model: 'm',
        data: '',
        dataKind: 'lines',
        by: '',
        parameters: 1,
        steps: 1,
        batch: 1,
        microBatch: 1,
      },
      ...{ microBatches: 1, unit: 'examples' },
    },
    pages: new Map([['/large', { type: 'text/plain', gzip: new Uint8Array(20 * 2 ** 20), etag: 'e' }]]),
    operator: unused,
  });
});

afterEach(() => {
  endBareSockets();
  for (const socket of open) socket.terminate();
  open.clear();
});

afterAll(() => server.close(true));

const PING = 0x89;
const hello = (name: string): Uint8Array => {
  const [frame] = encodeFrames({
    header: { kind: 'hello', token: 't', name, agent: 'remote', slots: 1, numerics: '', holds: null },
    parts: [],
  });
  if (frame === undefined) throw new Error('no frame');
  return frame;
};

/** Bytes of this process's memory, both ends of every connection included. */
function inUse(): number {
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Ends of connections in this process, the server's and its visitors'. */
const connectionEnds = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;

/** An honest worker gets in and is heard, whoever else is there. @param name no other's */
async function expectWelcome(name: string): Promise<void> {
  const socket = new WebSocket(`ws://127.0.0.1:${server.port}`, SUBPROTOCOL);
  open.add(socket);
  await once(socket, 'open');
  socket.send(hello(name));
  const [data] = (await once(socket, 'message')) as [Buffer];
  expect(new FrameDecoder(fromCoordinatorSchema, () => 0).push(data)?.header.kind).toBe('welcome');
  expect(named(name)).toEqual([{ name, left: [] }]);
}

test('a thousand who say nothing, or half of something, keep nobody out, are all gone soon, and leave no memory', async () => {
  await expectWelcome('early');
  const before = { memory: inUse(), ends: connectionEnds() };
  const idle: Socket[] = [];
  for (let i = 0; i < 800; i++) idle.push(await plain(server.port));
  // Requests that are begun and do not end, a byte at a time.
  const slow = idle.slice(0, 300);
  for (const socket of slow) socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-');
  const drip = setInterval(() => {
    for (const socket of slow) socket.write('a');
  }, 500);
  // Pages that are asked for and not read.
  const deaf = idle.slice(300, 350);
  for (const socket of deaf) socket.pause().write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
  // WebSockets on which no hello comes.
  for (let i = 0; i < 200; i++) idle.push(await bare(server.port));
  const ends = idle.map(closed);
  for (const socket of idle) if (!deaf.includes(socket)) socket.resume();
  expect(idle.filter((socket) => !socket.closed).length).toBe(1000);
  await expectWelcome('among them');
  before.ends += 2;
  await Promise.all(ends.filter((_, i) => !deaf.includes(idle[i] as Socket)));
  // Who does not read does not see the end either.
  await expect.poll(connectionEnds, { timeout: 40_000 }).toBeLessThanOrEqual(before.ends + deaf.length);
  clearInterval(drip);
  for (const socket of deaf) socket.destroy();
  expect(workers).toEqual([
    { name: 'early', left: [] },
    { name: 'among them', left: [] },
  ]);
  for (const list of [idle, ends, slow, deaf]) list.length = 0;
  endBareSockets();
  open.clear();
  expect(inUse() - before.memory).toBeLessThan(8 * 2 ** 20);
}, 90_000);

test('a stranger may not begin a frame of more than a hello: it is told so, and no more is read', async () => {
  const socket = await bare(server.port);
  socket.write(frameHead(200_000));
  const sent = server.bytes.received;
  let written = 0;
  // What the network takes of it without being read is not the coordinator's.
  for (; written < 190_000; written += 10_000) socket.write(new Uint8Array(10_000));
  const said: Buffer[] = [];
  socket.on('data', (data: Buffer) => said.push(data));
  await closed(socket);
  const goodbye = Buffer.concat(said);
  expect(goodbye.readUInt16BE(2)).toBe(CloseCode.misbehaved);
  expect(goodbye.subarray(4).toString()).toContain('too long');
  expect(server.bytes.received - sent).toBeLessThan(190_000);
  await expectWelcome('after the stranger');
});

test.each<[string, (socket: Socket) => void, RegExp]>([
  [
    'a message in a million parts',
    (socket) => {
      socket.write(Buffer.of(0x02, 0x81, 0, 0, 0, 0, 1));
      for (let i = 0; i < 100; i++)
        socket.write(Buffer.concat(new Array(10_000).fill(Buffer.of(0x00, 0x81, 0, 0, 0, 0, 1))));
    },
    /it sent a malformed WebSocket frame \(Too many message fragments\)/,
  ],
  [
    'a frame that claims too much',
    (socket) => socket.write(frameHead(2 ** 40)),
    /it sent a malformed WebSocket frame \(Max payload size exceeded\)/,
  ],
  [
    'pings without end, to which it wants answers that it does not read',
    (socket) => {
      const pings = Buffer.concat(
        new Array(10_000).fill(Buffer.concat([Buffer.of(PING, 0xfd), Buffer.alloc(4 + 125)])),
      );
      const flood = () => {
        while (!socket.destroyed && socket.write(pings));
      };
      socket.on('drain', flood);
      flood();
    },
    /the connection closed|it sent more than messages/,
  ],
])('a worker that sends %s is gone, and the others stay', async (what, attack, reason) => {
  const name = what.slice(0, 12);
  const socket = await bare(server.port);
  socket.write(Buffer.concat([frameHead(hello(name).byteLength), hello(name)]));
  await expect.poll(() => named(name).length, { timeout: 10_000 }).toBe(1);
  const before = inUse();
  socket.pause();
  attack(socket);
  await expect.poll(() => named(name)[0]?.left[0], { timeout: 15_000 }).toMatch(reason);
  expect(inUse() - before).toBeLessThan(32 * 2 ** 20);
  await expectWelcome(`after ${name}`);
});
