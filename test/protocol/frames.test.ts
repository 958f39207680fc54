/** Frames: what is sent comes out as it went in. What is refused is in refused.test.ts. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type * as z from 'zod';
import { FrameError } from '../../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import {
  type Header,
  type Message,
  parseResult,
  parseState,
  parseWork,
  resultMessage,
  resultSchema,
  stateMessage,
  stateSchema,
  workMessage,
  workSchema,
} from '../../core/protocol/messages.ts';
import { header } from './anyMessage.ts';
import { expectSame, inLargerBuffer, MiB, pattern, receive, STATE } from './wire.ts';

const frameSized = [0, 1, 7, 8, 9, MAX_FRAME_BYTES - 200, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, MiB];
const partSize = fc.oneof(fc.constantFrom(...frameSized), fc.integer({ min: 0, max: MiB }));
const largeMessage: fc.Arbitrary<Message<Header>> = fc
  .record({ header, sizes: fc.array(partSize, { maxLength: 4 }), seed: fc.integer() })
  .map(({ header, sizes, seed }) => ({ header, parts: sizes.map((size, i) => pattern(size, seed + i)) }));

describe('round trip', () => {
  test('messages one after the other, of no part to parts of 1 MiB', () => {
    let several = 0;
    fc.assert(
      fc.property(fc.array(largeMessage, { minLength: 1, maxLength: 3 }), (sent) => {
        const frames = sent.map(encodeFrames);
        for (const frame of frames.flat()) expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
        const { messages, refused } = receive(frames.flat().map(inLargerBuffer));
        expect(refused).toBe(false);
        expect(messages.length).toBe(sent.length);
        for (const [i, message] of messages.entries()) expectSame(message, sent[i]);
        if (frames.some((f) => f.length > 2)) several++;
      }),
      { numRuns: 60 },
    );
    expect(several).toBeGreaterThan(10);
  });

  test('a body that ends with the frame, and one byte either way', () => {
    for (const size of Array.from({ length: 64 }, (_, i) => MAX_FRAME_BYTES - 63 + i)) {
      const message = { header: STATE, parts: [pattern(size, size)] } as const;
      const { messages } = receive(encodeFrames(message));
      expectSame(messages[0], message);
    }
  });

  test('the messages as values', () => {
    const gradient = Float32Array.of(1, -2.5, 3e38);
    const x = Uint16Array.of(1, 2, 65_535);
    const piece = {
      id: 'a.3',
      version: 3,
      lengths: { params: 7, buffers: 2 },
      offset: 4,
      params: gradient,
      buffers: Float32Array.of(9),
    };
    const work = {
      round: 1,
      mode: 'train',
      version: 3,
      seed: -7,
      lo: 4,
      size: 2,
      counts: [2, 1],
      x,
      y: x.slice(1),
    } as const;
    const result = { round: 1, lo: 4, size: 2, losses: [0.1, 2], counts: [2, 1], gradient, statistics: gradient };
    const across = <H extends Header>(message: Message<Header>, schema: z.ZodType<H>): Message<H> => {
      const into = new FrameDecoder(schema, () => MiB);
      const [got] = encodeFrames(message).map((frame) => into.push(frame));
      if (got === null || got === undefined) throw new Error('a message of one frame did not arrive');
      return got;
    };
    expect(parseState(across(stateMessage(piece), stateSchema))).toEqual(piece);
    expect(parseWork(across(workMessage(work), workSchema))).toEqual(work);
    expect(parseResult(across(resultMessage(result), resultSchema))).toEqual(result);
  });

  test('a part that is missing or no whole number of elements is refused when it is read', () => {
    const message = { header: STATE, parts: [new Uint8Array(6), new Uint8Array(4)] } as const;
    expect(() => parseState(message)).toThrow(FrameError);
    expect(() => parseState({ ...message, parts: [new Uint8Array(8)] })).toThrow(FrameError);
    const work = workSchema.parse({
      kind: 'work',
      round: 0,
      mode: 'eval',
      version: 0,
      seed: 0,
      lo: 0,
      size: 1,
      counts: [1],
    });
    expect(() => parseWork({ header: work, parts: [new Uint8Array(3), new Uint8Array(2)] })).toThrow(FrameError);
  });
});
