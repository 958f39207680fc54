/** The 16-bit floats: every code, every rounding, against their definition in core/backend/referenceCodecs.ts. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HalfFormat } from '../../core/backend/backend.ts';
import { packed, unpacked } from '../../core/backend/referenceCodecs.ts';
import { compare, lengths, Numbers, seeds, shifts, wasm } from './pair.ts';

const formats: readonly HalfFormat[] = ['bf16', 'f16'];
const codes = Uint16Array.from({ length: 65536 }, (_, i) => i);

/** What the WASM backend makes of numbers: their codes. */
async function pack(format: HalfFormat, numbers: Float32Array): Promise<Uint16Array> {
  const mark = wasm.mark();
  const [src, dst] = [wasm.alloc(numbers.length), wasm.alloc(Math.ceil(numbers.length / 2))];
  wasm.write(src, numbers);
  wasm.packHalf(format, dst, src);
  const pairs = await wasm.readInts(dst);
  wasm.release(mark);
  return new Uint16Array(pairs.buffer).slice(0, numbers.length);
}

/** And of codes: the numbers. */
async function unpack(format: HalfFormat, halves: Uint16Array): Promise<Float32Array> {
  const mark = wasm.mark();
  const [src, dst] = [wasm.alloc(halves.length / 2), wasm.alloc(halves.length)];
  wasm.writeInts(src, new Int32Array(halves.slice().buffer));
  wasm.unpackHalf(format, dst, src);
  const numbers = Float32Array.from(await wasm.read(dst));
  wasm.release(mark);
  return numbers;
}

describe.each(formats)('%s', (format) => {
  it('unpacks every code to the number that it stands for', async () => {
    const numbers = await unpack(format, codes);
    numbers.forEach((x, code) => {
      if (!Object.is(x, unpacked(format, code))) expect.fail(`code ${code} gave ${x}, not ${unpacked(format, code)}`);
    });
  });

  it('packs every such number back, all NaN to one', async () => {
    const back = await pack(format, await unpack(format, codes));
    const quiet = format === 'bf16' ? 0x7fc0 : 0x7e00;
    back.forEach((code, i) => {
      const want = Number.isNaN(unpacked(format, i)) ? quiet : i;
      if (code !== want) expect.fail(`code ${i} came back as ${code}, not ${want}`);
    });
  });

  it('rounds to nearest, ties to even, beside and between all neighbours', async () => {
    const finite = Array.from(codes.filter((c) => c < 0x8000 && Number.isFinite(unpacked(format, c))));
    const next = (code: number) => (Number.isFinite(unpacked(format, code + 1)) ? unpacked(format, code + 1) : 0);
    const middles = Float32Array.from(finite, (c) => (unpacked(format, c) + next(c)) / 2);
    const bits = new Int32Array(middles.buffer);
    for (const step of [-1, 0, 1]) {
      const near = new Float32Array(bits.map((b) => Math.max(0, b + step)).buffer);
      const got = await pack(format, near);
      near.forEach((x, i) => {
        if (got[i] !== packed(format, x)) expect.fail(`${x} gave ${got[i]}, not ${packed(format, x)}`);
      });
    }
  });

  it('agrees with the reference on any numbers, unaligned, in odd lengths, and clears the half left over', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, seeds, shifts, async (n, seed, shift) => {
        await compare(shift, { relative: 0, scale: 0 }, (t) => {
          const r = new Numbers(seed);
          // All magnitudes: an exponent, a mantissa, a sign.
          const x = r.floats(n).map((v) => v * 2 ** Math.floor(r.unit() * 300 - 150));
          if (n > 2) x.set([Infinity, -0], n - 2);
          const [pairs, back] = [t.intOutput('pairs', Math.ceil(n / 2)), t.output('back', r.floats(n))];
          t.backend.packHalf(format, pairs, t.input(x));
          t.backend.unpackHalf(format, back, pairs);
        });
      }),
      { numRuns: 300 },
    );
    expect(() => wasm.packHalf(format, wasm.alloc(2), wasm.alloc(5))).toThrow('packHalf: dst has 2 elements, not 3');
    expect(() => wasm.unpackHalf(format, wasm.alloc(5), wasm.alloc(2))).toThrow('unpackHalf: src has 2 elements');
  });
});
