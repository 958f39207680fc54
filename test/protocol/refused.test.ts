/** Frames that are no message of this protocol: each is refused with a FrameError, whatever it is. */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { FrameError } from '../../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { fromWorkerSchema } from '../../core/protocol/messages.ts';
import { smallMessage } from './anyMessage.ts';
import { firstFrame, inLargerBuffer, MiB, pattern, receive, STATE } from './wire.ts';

describe('what is no message of this protocol', () => {
  test('flipped, dropped and added bytes give a message, nothing, or a FrameError', () => {
    const mutation = fc.record({
      kind: fc.constantFrom('flip', 'cut', 'add', 'head'),
      at: fc.nat(),
      value: fc.integer({ min: 1, max: 255 }),
    });
    const seen = { refused: 0, messages: 0, waiting: 0 };
    fc.assert(
      fc.property(smallMessage, fc.array(mutation, { minLength: 1, maxLength: 4 }), (message, mutations) => {
        let [frame] = encodeFrames(message);
        for (const { kind, at, value } of mutations) {
          const place = at % (frame.length + 1);
          if (kind === 'flip' && place < frame.length) frame[place] ^= value;
          // The envelope's first bytes, where lengths and types are.
          else if (kind === 'head' && frame.length > 12) frame[at % 12] ^= value;
          else if (kind === 'cut') frame = frame.slice(0, place);
          else frame = Uint8Array.of(...frame.subarray(0, place), value, ...frame.subarray(place));
        }
        const { messages, refused } = receive([inLargerBuffer(frame)]);
        if (refused) seen.refused++;
        else if (messages.length > 0) seen.messages++;
        else seen.waiting++;
      }),
      { numRuns: 5000 },
    );
    expect(seen.refused).toBeGreaterThan(1000);
    expect(seen.messages).toBeGreaterThan(100);
    expect(seen.waiting).toBeGreaterThan(10);
  });

  test('every way to cut a message short waits for more or is refused', () => {
    fc.assert(
      fc.property(smallMessage, (message) => {
        const [frame] = encodeFrames(message);
        for (let length = 0; length < frame.length; length++)
          expect(receive([frame.slice(0, length)]).messages).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  test('random bytes, bare and as a header', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(receive([bytes]).messages).toEqual([]);
        expect(receive([firstFrame(bytes)]).refused).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });

  const state = { header: STATE, parts: [pattern(MiB, 1)] } as const;
  const [first, second, ...rest] = encodeFrames(state);

  test.each<[string, Uint8Array[]]>([
    ['an empty frame', [new Uint8Array(0)]],
    ['an unknown type of frame', [Uint8Array.of(3, 0, 0, 0, 0)]],
    ['a frame that is too large', [new Uint8Array(MAX_FRAME_BYTES + 1).fill(1)]],
    ['a continuation without a beginning', [second]],
    ['a continuation of what is complete', [first, second, ...rest, second]],
    ['an empty continuation', [first, Uint8Array.of(2)]],
    ['a second message before the first is complete', [first, first]],
    ['more bytes than announced', [first, second, ...rest.slice(0, -1), second]],
    ['a header longer than the frame', [Uint8Array.of(1, 200, 0, 0, 0, 0x90)]],
    ['a header of 4 GB', [Uint8Array.of(1, 255, 255, 255, 255, 0x90)]],
    ['a header cut to nothing', [Uint8Array.of(1, 0, 0, 0, 0)]],
  ])('%s is refused', (_, frames) => {
    const { refused } = receive(frames);
    expect(refused).toBe(true);
  });

  test('a message of the wrong direction or of wrong fields is refused', () => {
    const toCoordinator = new FrameDecoder(fromWorkerSchema, () => 64 * MiB);
    expect(() => toCoordinator.push(first)).toThrow(FrameError);
    const packr = new Packr({ useRecords: false });
    const hello = { kind: 'hello', token: '', name: 'w', agent: 'remote', slots: 1, numerics: '' };
    expect(receive([firstFrame(packr.pack([hello, []]))]).messages.length).toBe(1);
    for (const wrong of [
      { ...hello, slots: 0 },
      { ...hello, slots: 1.5 },
      { ...hello, slots: 1025 },
      { ...hello, agent: 'threads' },
      { ...hello, name: '' },
      { ...hello, name: 'w'.repeat(65) },
      { ...hello, token: null },
      { ...hello, more: 1 },
      { kind: 'helo' },
      {},
      null,
      [],
      'hello',
      { kind: 'result', round: 0, lo: 0, size: 1, losses: [Number.NaN], counts: [1] },
      { kind: 'result', round: 0, lo: -1, size: 1, losses: [1], counts: [1] },
    ])
      expect(receive([firstFrame(packr.pack([wrong, []]))]).refused, JSON.stringify(wrong)).toBe(true);
    for (const envelope of [
      [hello],
      [hello, [], 1],
      [hello, [-1]],
      [hello, [1.5]],
      [hello, new Array(9).fill(0)],
      {},
      0,
    ])
      expect(receive([firstFrame(packr.pack(envelope))]).refused, JSON.stringify(envelope)).toBe(true);
  });
});
