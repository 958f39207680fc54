/** The arena: marks, growth, limits; and the fingerprint, which runs over everything. */
import { describe, expect, it } from 'vitest';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { ReferenceBackend } from '../../core/backend/reference.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';

describe('the arena', () => {
  it('gives back what was allocated since a mark', async () => {
    const b = await createWasmBackend();
    const kept = b.alloc(3);
    const mark = b.mark();
    const first = b.alloc(100);
    b.release(mark);
    expect(b.alloc(5).at).toBe(first.at);
    expect(first.at).toBeGreaterThanOrEqual(kept.at + kept.length);
    expect(() => b.release(mark + 1e9)).toThrow('not a mark');
  });

  it('keeps its content when it grows, and alignment', async () => {
    const b = await createWasmBackend();
    const x = b.alloc(3);
    b.write(x, Float32Array.of(1, 2, 3));
    for (let i = 1; i < 24; i++) expect(b.alloc(2 ** i + 1).at % 16).toBe(0);
    expect(await b.read(x)).toEqual(Float32Array.of(1, 2, 3));
    expect(b.view(x)).toEqual(Float32Array.of(1, 2, 3));
  });

  it('lets kernels read a little past the last buffer', async () => {
    const b = await createWasmBackend();
    for (let i = 0; i < 5000; i++) {
      const x = b.alloc(16);
      b.unary('exp', x.slice(13, 3), x.slice(13, 3));
      b.matmul(x.slice(15, 1), x.slice(14, 1), x.slice(13, 1), { m: 1, n: 1, k: 1, transA: true });
    }
  });

  it('says so when 4 GB are exceeded, and goes on', async () => {
    const b = await createWasmBackend();
    expect(() => b.alloc(2 ** 30)).toThrow('WebAssembly addresses 4 GB');
    expect(b.alloc(4).length).toBe(4);
    expect(() => b.alloc(-100)).toThrow('0 or more');
  });

  it('addresses memory beyond 2 GB', async () => {
    const b = await createWasmBackend();
    b.alloc(2 ** 29);
    const x = b.alloc(5);
    const y = b.alloc(5);
    b.write(x, Float32Array.of(1, 2, 3, 4, 5));
    b.binary('add', y, x, x, [5], [1], [1], false);
    b.matmul(x, y, y.slice(0, 1), { m: 5, n: 1, k: 1 });
    expect(await b.read(x)).toEqual(Float32Array.of(4, 8, 12, 16, 20));
  });

  it('stores integers', async () => {
    for (const b of [await createWasmBackend(), new ReferenceBackend()]) {
      const x = b.alloc(3);
      b.writeInts(x, Uint16Array.of(1, 65535, 3));
      expect(await b.readInts(x)).toEqual(Int32Array.of(1, 65535, 3));
      b.writeInts(x, Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31)));
      expect(await b.readInts(x)).toEqual(Int32Array.of(-1, 2 ** 31 - 1, -(2 ** 31)));
      expect(() => b.writeInts(x, Int32Array.of(1))).toThrow('has 3 elements, not 1');
    }
  });
});

describe('fingerprint', () => {
  it('is the same for every instance, whatever its memory held, and another for other arithmetic', async () => {
    const fresh = await fingerprint(await createWasmBackend());
    const used = await createWasmBackend();
    const mark = used.mark();
    used.fill(used.alloc(1e6), Number.NaN);
    used.release(mark);
    used.alloc(7);
    const before = used.mark();
    expect(await fingerprint(used)).toBe(fresh);
    expect(used.mark()).toBe(before);
    expect(fresh).toMatch(/^[0-9a-f]{16}$/);
    expect(await fingerprint(new ReferenceBackend())).not.toBe(fresh);
  });
});
