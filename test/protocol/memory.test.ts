/** Frames whose sender would have the receiver take memory, or time: they are refused soon, and without more than it allows. */
import { Packr } from 'msgpackr';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { FrameError } from '../../core/protocol/frameError.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../../core/protocol/frames.ts';
import { anyHeader, decoder, expectSame, firstFrame, MiB, pattern, receive, STATE } from './wire.ts';

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
