/** Memory used again: never by two messages at a time, and by the next one once the last has been read. */
import { expect, test } from 'vitest';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import { fromWorkerSchema, type Header } from '../../core/protocol/messages.ts';
import { SpareMemory } from '../../core/protocol/spareMemory.ts';

const MiB = 2 ** 20;

function frames(fill: number, bytes: number): Uint8Array[] {
  const header: Header = { kind: 'result', round: 0, lo: 0, size: 1, losses: [1], counts: [1] };
  return encodeFrames({ header, parts: [new Uint8Array(bytes).fill(fill)] });
}

const decoder = (memory: SpareMemory) =>
  new FrameDecoder(
    fromWorkerSchema,
    () => 100 * MiB,
    () => true,
    memory,
  );

test('messages of several connections that come at the same time do not mix; later ones take no new memory', () => {
  const memory = new SpareMemory();
  const decoders = [1, 2, 3].map(() => decoder(memory));
  const buffers = [0, 1].map(() => {
    const sent = decoders.map((_, i) => frames(i + 1, MiB + i));
    const used = new Set<ArrayBufferLike>();
    for (const [at] of (sent[0] ?? []).entries())
      for (const [i, into] of decoders.entries()) {
        const message = into.push(sent[i]?.[at] ?? new Uint8Array(0));
        if (message === null) continue;
        const [part = new Uint8Array(0)] = message.parts;
        expect(part.byteLength).toBe(MiB + i);
        expect(part.every((byte) => byte === i + 1)).toBe(true);
        used.add(part.buffer);
      }
    return used;
  });
  expect(buffers[0]?.size).toBe(3);
  expect([...(buffers[1] ?? [])].every((buffer) => buffers[0]?.has(buffer))).toBe(true);
});

test('a message that has been dealt with makes room for another connection`s at once', () => {
  const memory = new SpareMemory();
  const [a, b] = [decoder(memory), decoder(memory)];
  const last = (into: typeof a) => frames(1, MiB).map((frame) => into.push(frame)?.parts[0]?.buffer);
  const first = last(a).at(-1);
  a.release();
  expect(last(b).at(-1)).toBe(first);
});

test('what has not been read yet is not given to another', () => {
  const memory = new SpareMemory();
  const [a, b] = [decoder(memory), decoder(memory)];
  const first = frames(1, MiB)
    .map((frame) => a.push(frame))
    .at(-1);
  for (const frame of frames(2, MiB)) b.push(frame);
  expect(first?.parts[0]?.every((byte) => byte === 1)).toBe(true);
});

test('one piece of any size is kept, and of more only so much', () => {
  const memory = new SpareMemory(64);
  const [huge, large, more] = [new Uint8Array(80), new Uint8Array(40), new Uint8Array(40)];
  memory.give(huge);
  memory.give(large);
  expect(memory.take(80)?.buffer).toBe(huge.buffer);
  memory.give(large);
  memory.give(more);
  expect(memory.take(10)?.buffer).toBe(large.buffer);
  expect(memory.take(10)).toBeNull();
});
