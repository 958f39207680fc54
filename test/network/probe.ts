/**
 * A program: measures what a path between two hosts carries, without anything of manygrad's.
 *
 *     node test/network/probe.ts --listen 7001                          on one host
 *     node test/network/probe.ts --to 10.0.0.1:7001 --bytes 625000      on the other; prints a line of JSON
 *
 * A question is 8 bytes (how many follow, and how many are wanted back; u32, little-endian) and what follows; it is answered,
 * once it has come whole, with as many bytes as were wanted. So the time of a large question and a small answer, less the
 * time of small ones, is that of the large one on its way.
 */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { parseArgs } from 'node:util';
import * as z from 'zod';

/** What a path was found to carry. */
export const probeSchema = z.object({
  event: z.literal('probe'),
  /** There and back of a small message: the median and the extremes of `ROUND_TRIPS`. */
  rttMs: z.object({ median: z.number(), least: z.number(), most: z.number() }),
  /** Of so many bytes at once: ms on their way up and down, and Mbit/s of them, TCP's own bytes not counted. */
  bytes: z.number(),
  upMs: z.number(),
  downMs: z.number(),
  upMbit: z.number(),
  downMbit: z.number(),
});
export type Probe = z.infer<typeof probeSchema>;

const ROUND_TRIPS = 15;
const HEADER = 8;

function answer(socket: Socket): void {
  let header = Buffer.alloc(0);
  let missing = -1;
  socket.setNoDelay();
  socket.on('error', () => undefined);
  socket.on('data', (chunk) => {
    if (missing < 0) {
      header = Buffer.concat([header, chunk]);
      if (header.length < HEADER) return;
      missing = header.readUInt32LE(0) - (header.length - HEADER);
    } else missing -= chunk.length;
    if (missing > 0) return;
    socket.write(Buffer.alloc(header.readUInt32LE(4)));
    header = Buffer.alloc(0);
    missing = -1;
  });
}

/** @returns ms until an answer of `down` bytes to a question of `up` more than its header has come whole */
async function ask(socket: Socket, up: number, down: number): Promise<number> {
  const question = Buffer.alloc(HEADER + up);
  question.writeUInt32LE(up, 0);
  question.writeUInt32LE(down, 4);
  const before = performance.now();
  socket.write(question);
  for (let missing = down; missing > 0; ) {
    const [chunk]: Buffer[] = await once(socket, 'data');
    missing -= chunk?.length ?? 0;
  }
  return performance.now() - before;
}

async function measure(socket: Socket, bytes: number): Promise<Probe> {
  socket.setNoDelay();
  const times: number[] = [];
  for (let i = 0; i < ROUND_TRIPS; i++) times.push(await ask(socket, 1, 1));
  times.sort((a, b) => a - b);
  const [least = 0, median = 0, most = 0] = [times[0], times[times.length >> 1], times.at(-1)];
  // The small half of the way there and back is no part of the large message's.
  const [upMs, downMs] = [(await ask(socket, bytes, 1)) - median / 2, (await ask(socket, 1, bytes)) - median / 2];
  const [upMbit, downMbit] = [upMs, downMs].map((ms) => (bytes * 8) / ms / 1000) as [number, number];
  return { event: 'probe', rttMs: { median, least, most }, bytes, upMs, downMs, upMbit, downMbit };
}

if (import.meta.main) {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { listen: text, to: text, bytes: text } });
  if (values.listen !== undefined) {
    const port = Number(values.listen);
    createServer(answer).listen(port, () => console.log(JSON.stringify({ event: 'listening', port })));
  } else {
    const [host = '', port] = (values.to ?? '').split(':');
    const socket = connect(Number(port), host);
    await once(socket, 'connect');
    console.log(JSON.stringify(await measure(socket, Number(values.bytes ?? 625_000))));
    socket.destroy();
  }
}
