/**
 * Frames: what is sent comes out as it went in, and whatever else arrives is refused with a FrameError, soon, and without
 * taking more memory than the receiver allows.
 */
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { FrameError } from '../../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import {
  fromCoordinatorSchema,
  fromWorkerSchema,
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

const MiB = 1024 * 1024;
const anyHeader = z.union([fromWorkerSchema, fromCoordinatorSchema]);
const decoder = (limit = 64 * MiB) => new FrameDecoder(anyHeader, () => limit);

/** What becomes of frames pushed one after the other: messages, up to the FrameError if there is one. Nothing else may come. */
function receive(frames: readonly Uint8Array[], limit?: number): { messages: Message<Header>[]; refused: boolean } {
  const into = decoder(limit);
  const messages: Message<Header>[] = [];
  for (const frame of frames)
    try {
      const message = into.push(frame);
      if (message !== null) messages.push(message);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      return { messages, refused: true };
    }
  return { messages, refused: false };
}

/** Bytes that differ from place to place, made faster than fast-check would draw a million. */
function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state = Math.imul(state, 0x01000193) ^ (state >>> 15);
    bytes[i] = state;
  }
  return bytes;
}

/** As WebSocket libraries give them: somewhere in a larger buffer. */
function inLargerBuffer(frame: Uint8Array): Uint8Array {
  const larger = new Uint8Array(frame.length + 8).fill(0xff);
  larger.set(frame, 3);
  return larger.subarray(3, 3 + frame.length);
}

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const header: fc.Arbitrary<Header> = fc.oneof(
  fc.record({
    kind: fc.constant('result' as const),
    round: fc.nat(),
    lo: fc.nat(),
    size: fc.integer({ min: 1 }),
    losses: fc.array(finite),
    counts: fc.array(fc.nat()),
  }),
  fc.record({
    kind: fc.constant('state' as const),
    id: fc.string({ minLength: 1, maxLength: 64 }),
    version: fc.oneof(fc.nat(), fc.maxSafeNat()),
    params: fc.nat(),
    buffers: fc.nat(),
    offset: fc.maxSafeNat(),
  }),
  fc.record({
    kind: fc.constant('hello' as const),
    token: fc.string({ maxLength: 256, unit: 'grapheme' }).map((s) => s.slice(0, 256)),
    name: fc.string({ minLength: 1, maxLength: 64 }),
    agent: fc.constantFrom('remote' as const, 'tab' as const),
    slots: fc.integer({ min: 1, max: 1024 }),
    numerics: fc.string({ maxLength: 64 }),
    holds: fc.oneof(
      fc.constant(null),
      fc.record({ version: fc.nat(), hash: fc.string({ maxLength: 64 }) }),
      fc.record({ id: fc.string({ maxLength: 64 }), received: fc.nat() }),
    ),
  }),
  fc.record({
    kind: fc.constant('farewell' as const),
    seconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
    reason: fc.string({ maxLength: 256 }),
  }),
  fc.record({ kind: fc.constant('progress' as const), round: fc.nat(), lo: fc.nat(), size: fc.integer({ min: 1 }) }),
  fc.record({
    kind: fc.constant('news' as const),
    phase: fc.constantFrom('training' as const, 'paused' as const),
    step: fc.nat(),
    loss: fc.option(finite),
    valLoss: fc.option(finite),
    secondsLeft: fc.option(finite),
    workers: fc.nat(),
    yours: fc.nat(),
    all: fc.nat(),
    sample: fc.option(fc.record({ step: fc.nat(), text: fc.string() })),
  }),
  fc.record({
    kind: fc.constant('welcome' as const),
    run: fc.string(),
    model: fc.constantFrom({}, { name: 'mlp', hidden: 200, nested: { list: [1, -1, 2 ** 40, 1.5, null, true] } }),
  }),
);
/** The header of a piece of a state. */
const STATE = { kind: 'state', id: 'a', version: 1, params: 0, buffers: 0, offset: 0 } as const;
const smallMessage: fc.Arbitrary<Message<Header>> = fc.record({
  header,
  parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }),
});
const frameSized = [0, 1, 7, 8, 9, MAX_FRAME_BYTES - 200, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, MiB];
const partSize = fc.oneof(fc.constantFrom(...frameSized), fc.integer({ min: 0, max: MiB }));
const largeMessage: fc.Arbitrary<Message<Header>> = fc
  .record({ header, sizes: fc.array(partSize, { maxLength: 4 }), seed: fc.integer() })
  .map(({ header, sizes, seed }) => ({ header, parts: sizes.map((size, i) => pattern(size, seed + i)) }));

function expectSame(got: Message<Header>, want: Message<Header>): void {
  // -0 is a loss as good as 0.
  expect(JSON.stringify(got.header)).toBe(JSON.stringify(want.header));
  expect(got.parts.map((p) => p.length)).toEqual(want.parts.map((p) => p.length));
  for (const [i, part] of got.parts.entries()) {
    expect(Buffer.compare(part, want.parts[i])).toBe(0);
    expect(part.byteOffset % 8).toBe(0);
  }
}

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

/** A first frame around any header bytes. */
function firstFrame(packed: Uint8Array, body: Uint8Array = new Uint8Array(0)): Uint8Array {
  const frame = new Uint8Array(5 + packed.length + body.length);
  frame[0] = 1;
  new DataView(frame.buffer).setUint32(1, packed.length, true);
  frame.set(packed, 5);
  frame.set(body, 5 + packed.length);
  return frame;
}

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

/** The most that V8 holds outside its heap while `calls` runs beyond what it held before, in bytes. */
function allocated(calls: () => void): number {
  const taken = () => process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
  const before = taken();
  calls();
  return taken() - before;
}

describe('memory is not taken on a stranger`s word', () => {
  const packr = new Packr({ useRecords: false });

  test('a body larger than its header may have is refused before memory is taken', () => {
    const packed = (lengths: number[]) => firstFrame(packr.pack([STATE, lengths]));
    for (const lengths of [[1025], [1024, 1], [2 ** 32], [2 ** 53 - 1], new Array(8).fill(2 ** 53 - 1)]) {
      let refused = false;
      expect(
        allocated(() => {
          refused = receive([packed(lengths)], 1024).refused;
        }),
      ).toBeLessThan(4 * MiB);
      expect(refused, String(lengths)).toBe(true);
    }
    expect(receive([packed([1024])], 1024).refused).toBe(false);
  });

  test('the limit is that of the header', () => {
    const into = new FrameDecoder(anyHeader, (header) => (header.kind === 'state' ? 8 : 0));
    expect(into.push(encodeFrames({ header: STATE, parts: [new Uint8Array(5)] })[0])).not.toBe(null);
    const welcome = { kind: 'welcome', run: '', model: {} } as const;
    expect(() => into.push(encodeFrames({ header: welcome, parts: [new Uint8Array(1)] })[0])).toThrow(FrameError);
  });

  test('a body that is announced takes no memory before it comes, and at most thrice what has come of it', () => {
    const large = 4 * 1024 ** 3;
    const into = new FrameDecoder(anyHeader, () => large);
    expect(allocated(() => expect(into.push(firstFrame(packr.pack([STATE, [large]])))).toBe(null))).toBeLessThan(MiB);
    let received = 0;
    const frame = new Uint8Array(MAX_FRAME_BYTES).fill(2);
    const taken = allocated(() => {
      for (; received < 20 * MiB; received += MAX_FRAME_BYTES - 1) into.push(frame);
    });
    // What it grew out of is among it.
    expect(taken).toBeLessThan(4 * received + MiB);
  });

  afterEach(() => vi.unstubAllGlobals());
  test('a body for which there is no memory is refused like any other', () => {
    const Plain = Uint8Array;
    let denied = 0;
    const limited = (length: unknown) => {
      if (typeof length === 'number' && length > MiB) {
        denied++;
        throw new RangeError('Array buffer allocation failed');
      }
    };
    const into = decoder(4 * MiB);
    const frames = encodeFrames({ header: STATE, parts: [pattern(3 * MiB, 1)] });
    vi.stubGlobal(
      'Uint8Array',
      new Proxy(Plain, {
        construct(target, args, newTarget) {
          limited(args[0]);
          return Reflect.construct(target, args, newTarget);
        },
      }),
    );
    expect(() => frames.map((frame) => into.push(frame))).toThrow(
      new FrameError(`a body of ${3 * MiB} bytes, for which there is no memory`),
    );
    expect(denied).toBe(1);
  });

  test('a message that is read at once comes to memory that the one before it had, if that is enough', () => {
    const into = new FrameDecoder(
      anyHeader,
      () => 4 * MiB,
      ({ kind }) => kind === 'state',
    );
    const last = (size: number) => {
      const message = { header: STATE, parts: [pattern(size, size)] };
      const got = encodeFrames(message)
        .map((frame) => into.push(frame))
        .at(-1);
      if (got === null || got === undefined) throw new Error('no message came');
      expectSame(got, message);
      return got.parts[0].buffer;
    };
    const memory = last(MiB);
    expect(last(100) === memory).toBe(true);
    expect(last(MiB) === memory).toBe(true);
    expect(last(MiB + 1) === memory).toBe(false);
  });

  test('wrong numbers by the thousand, and keys that V8 takes for places of an array, cost little more than right ones', () => {
    const histogram = { lo: 0, hi: 1, counts: new Array(256).fill(-1) };
    const distribution = { mean: 0, std: 1, histogram };
    const layer = { name: 'a', type: 'b', shape: [], activation: distribution, gradient: distribution };
    const result = { kind: 'result', round: 0, lo: 0, size: 1, losses: [], counts: [] };
    const headers: unknown[] = [
      { ...result, losses: new Array(65_536).fill(null), counts: new Array(60_000).fill(-1) },
      { ...result, layers: new Array(128).fill({ ...layer, saturated: null, image: null }) },
      { ...result, losses: new Array(14_000).fill({ 1023: 0 }) },
    ];
    for (const header of headers) {
      const frame = firstFrame(new Packr({ useRecords: false, variableMapSize: true }).pack([header, []]));
      let refused = false;
      expect(
        allocated(() => {
          refused = receive([frame]).refused;
        }),
      ).toBeLessThan(8 * MiB);
      expect(refused).toBe(true);
    }
  });

  const huge = [0xff, 0xff, 0xff, 0xff];
  /** As many bytes as a header may have, all the same. */
  const full = (...token: number[]) => Array.from({ length: 128 * 1024 }, (_, i) => token[i % token.length]);
  const references = (levels: number): number[] => {
    // Item i is [item i-1, item i-1], by msgpackr's extension for references: 2^levels values in a few hundred bytes.
    const bytes = [0xdc, 0, levels, 0xd6, 0x69, 0, 0, 0, 0, 0x91, 1];
    const to = (i: number) => [0xd6, 0x70, 0, 0, 0, i];
    for (let i = 1; i < levels; i++) bytes.push(0xd6, 0x69, 0, 0, 0, i, 0x92, ...to(i - 1), ...to(i - 1));
    return bytes;
  };
  test.each<[string, number[]]>([
    ['array32 of 4 billion', [0xdd, ...huge]],
    ['array32 of 128 million', [0xdd, 0x07, 0xff, 0xff, 0xff]],
    ['map32 of 4 billion', [0xdf, ...huge]],
    ['str32 of 4 GB', [0xdb, ...huge]],
    ['bin32 of 4 GB', [0xc6, ...huge]],
    ['ext32 of 4 GB', [0xc9, ...huge, 0x01]],
    ['ext32 of 4 GB, of a type msgpackr knows', [0xc9, ...huge, 0x74]],
    ['array16 in array16 in array16 ...', full(0xdc, 0xff, 0xff)],
    ['array32 in array32 ...', full(0xdd, 0x00, 0x01, 0xff, 0x00)],
    ['map16 in map16 ...', full(0xde, 0x7f, 0xff)],
    ['arrays of one, 128 thousand deep', full(0x91)],
    ['maps of one, deep', full(0x81, 0xa1, 0x61)],
    ['an envelope with array32 inside', [0x92, 0xdd, ...huge]],
    ['an envelope with huge lengths', [0x92, 0x80, 0xdd, ...huge]],
    ['references that double 24 times', references(24)],
    ['references that double 24 times, and a byte too many', [...references(24), 1]],
    ['a record definition, which msgpackr compiles', [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01]],
    ['a regular expression', [0xc7, 5, 0x78, 0x92, 0xa1, 0x61, 0xa0, 0]],
    ['bundled strings that begin before the message', [0xd6, 0x62, 0xff, 0xff, 0xff, 0x00, 0xa1, 0x61]],
    ['a plain header and a byte too many', [...packr.pack([{ kind: 'state', version: 1 }, []]), 0]],
  ])('%s', (_, bytes) => {
    // Were one of these walked or allocated for, this would end in a time-out or out of memory.
    let refused = false;
    expect(
      allocated(() => {
        refused = receive([firstFrame(Uint8Array.from(bytes.slice(0, 128 * 1024)))]).refused;
      }),
    ).toBeLessThan(8 * MiB);
    expect(refused).toBe(true);
  });

  test('a key `__proto__` changes nothing', () => {
    const key = [0xa9, ...Buffer.from('__proto__')];
    const evil = Uint8Array.from([0x92, 0x81, ...key, 0x81, 0xa4, ...Buffer.from('kind'), 0x01, 0x90]);
    expect(receive([firstFrame(evil)]).refused).toBe(true);
    expect(({} as { kind?: unknown }).kind).toBeUndefined();
  });

  test('a header that is too large is not sent', () => {
    const losses = new Array<number>(20_000).fill(0.1);
    expect(() =>
      encodeFrames({ header: { kind: 'result', round: 0, lo: 0, size: 1, losses, counts: [] }, parts: [] }),
    ).toThrow('too large');
  });
});
