/** Captured steps: the same bits as the calls themselves, wherever the workspace lies; and the plan of their memory. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Backend, Buf } from '../../core/backend/backend.ts';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { planMemory } from '../../core/backend/wasm/plan.ts';
import type { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import { add, backward, intTensor, maskedFill, mul, sum, tensor, view } from '../../core/tensor/index.ts';

const MEMORY = new Set(['alloc', 'mark', 'release', 'write', 'writeInts', 'read', 'readInts', 'view', 'capture']);

/** The backend with every computation captured and replayed instead of made, and how many were. */
function replaying(backend: WasmBackend): { backend: Backend; replayed: () => number } {
  let replayed = 0;
  const proxy = new Proxy(backend, {
    get(target, name: keyof WasmBackend) {
      const member = target[name];
      if (typeof member !== 'function') return member;
      const call = member.bind(target) as (...args: unknown[]) => unknown;
      if (MEMORY.has(name)) return call;
      return (...args: unknown[]) => {
        const program = target.capture(() => void call(...args));
        replayed += program.calls;
        program.run();
      };
    },
  });
  return { backend: proxy, replayed: () => replayed };
}

describe('a captured step', () => {
  it('has the bits of the calls themselves, for every kernel', async () => {
    const { backend, replayed } = replaying(await createWasmBackend());
    expect(await fingerprint(backend)).toBe(await fingerprint(await createWasmBackend()));
    expect(replayed()).toBeGreaterThan(300);
  });

  it('may need more memory for its constants than there is', async () => {
    const backend = await createWasmBackend();
    const [N, out] = [2 ** 21, backend.alloc(1)];
    const grew = backend.memoryBytes;
    // Both kinds of constants, each of 8 MB.
    const program = backend.capture(() => {
      const threes = tensor(backend, new Float32Array(N).fill(3), [N]);
      const mask = intTensor(backend, new Int32Array(N).fill(1), [N]);
      backend.copy(out, sum(maskedFill(threes, mask, 2)).buf);
    });
    expect(backend.memoryBytes).toBeGreaterThan(grew);
    program.run();
    expect([...(await backend.read(out))]).toEqual([2 * N]);
  });

  it('sees new inputs, and moves with what is allocated meanwhile', async () => {
    const backend = await createWasmBackend();
    const x = tensor(backend, [0, 0, 0, 0], [2, 2], { requiresGrad: true });
    const mask = intTensor(backend, Int32Array.of(0, 1), [2]);
    const [loss, gradient] = [backend.alloc(1), backend.alloc(4)];
    const program = backend.capture(() => {
      // A view and two uses: gradients that are handed on, and one that is added to.
      const y = maskedFill(add(mul(x, x), view(mul(view(x, 4), 3), 2, 2)), mask, 5);
      const total = sum(y);
      x.grad = null;
      backward(total);
      backend.copy(loss, total.buf);
      backend.copy(gradient, (x.grad as unknown as { buf: Buf }).buf);
    });
    for (const [a, b] of [
      [1, 2],
      [-3, 0.5],
    ] as const) {
      backend.write(x.buf, Float32Array.of(a, 9, b, 9));
      backend.alloc(1000);
      program.run();
      expect([...(await backend.read(loss))]).toEqual([a * a + 3 * a + b * b + 3 * b + 10]);
      expect([...(await backend.read(gradient))]).toEqual([2 * a + 3, 0, 2 * b + 3, 0]);
    }
  });

  it('needs less memory than its buffers have together, and hands gradients on without copying', async () => {
    const backend = await createWasmBackend();
    const [from, to] = [backend.alloc(1000), backend.alloc(1000)];
    const program = backend.capture(() => {
      let at = from;
      for (let i = 0; i < 50; i++) {
        const next = backend.alloc(1000);
        backend.unary('neg', next, at);
        const copied = backend.alloc(1000);
        backend.scale(copied, next, 1, false);
        at = copied;
      }
      backend.copy(to, at);
    });
    expect(program.calls).toBe(51);
    expect(program.workspace).toBeLessThanOrEqual(2 * 1008 * 4);
    backend.fill(from, 3);
    program.run();
    expect((await backend.read(to)).every((v) => v === 3)).toBe(true);
  });

  it('joins an activation to the product before it, and keeps both', async () => {
    const backend = await createWasmBackend();
    const [a, b, bias, out] = [
      backend.alloc(35 * 20),
      backend.alloc(20 * 50),
      backend.alloc(50),
      backend.alloc(2 * 1750),
    ];
    backend.write(
      a,
      Float32Array.from({ length: a.length }, (_, i) => ((i * 37) % 101) / 50 - 1),
    );
    backend.write(
      b,
      Float32Array.from({ length: b.length }, (_, i) => ((i * 53) % 97) / 48 - 1),
    );
    backend.write(
      bias,
      Float32Array.from({ length: 50 }, (_, i) => i / 25 - 1),
    );
    const step = () => {
      const [x, y] = [backend.alloc(1750), backend.alloc(1750)];
      backend.matmul(x, a, b, { m: 35, n: 50, k: 20, bias });
      backend.unary('geluTanh', y, x);
      backend.copy(out.slice(0, 1750), x);
      backend.copy(out.slice(1750, 1750), y);
    };
    step();
    const want = await backend.read(out);
    backend.fill(out, 0);
    const program = backend.capture(step);
    program.run();
    expect(program.calls).toBe(3);
    expect(await backend.read(out)).toEqual(want);
  });

  it('does not merge buffers of which one is used again', async () => {
    const backend = await createWasmBackend();
    const [from, to] = [backend.alloc(4), backend.alloc(8)];
    backend.write(from, Float32Array.of(1, 2, 3, 4));
    const program = backend.capture(() => {
      const [a, b] = [backend.alloc(4), backend.alloc(4)];
      backend.unary('neg', a, from);
      backend.copy(b, a);
      backend.scale(b, b, 10, false);
      backend.copy(to.slice(0, 4), a);
      backend.copy(to.slice(4, 4), b);
    });
    program.run();
    expect([...(await backend.read(to))]).toEqual([-1, -2, -3, -4, -10, -20, -30, -40]);
  });

  it('says so when an id is out of range', async () => {
    const backend = await createWasmBackend();
    const [out, weight, ids] = [backend.alloc(4), backend.alloc(6), backend.alloc(2)];
    const program = backend.capture(() => backend.embedding(out, weight, ids, 2));
    backend.writeInts(ids, Int32Array.of(0, 2));
    program.run();
    backend.writeInts(ids, Int32Array.of(0, 3));
    expect(() => program.run()).toThrow('embedding: an id, a target or a probability is out of range');
  });

  it('cannot be read inside, nor captured inside another', async () => {
    const backend = await createWasmBackend();
    expect(() => backend.capture(() => backend.view(backend.alloc(3)))).toThrow('copy it out');
    expect(() => backend.capture(() => backend.capture(() => {}))).toThrow('already');
    // And what failed leaves the backend as it was.
    const buf = backend.alloc(1);
    backend.fill(buf, 2);
    expect(backend.view(buf)[0]).toBe(2);
  });
});

describe('planMemory', () => {
  const lifetimes = fc.array(
    fc
      .tuple(fc.nat(100), fc.nat(30), fc.nat(10))
      .map(([length, first, more]) => ({ length, first, last: first + more })),
    { maxLength: 60 },
  );

  it('never lets two that are alive together overlap', () => {
    fc.assert(
      fc.property(lifetimes, (buffers) => {
        const { offsets, length } = planMemory(buffers, 16);
        for (const [i, a] of buffers.entries()) {
          expect(offsets[i] % 16).toBe(0);
          expect(offsets[i] + a.length).toBeLessThanOrEqual(length);
          for (const [j, b] of buffers.entries()) {
            if (j <= i || a.last < b.first || b.last < a.first || a.length === 0 || b.length === 0) continue;
            expect(offsets[i] + a.length <= offsets[j] || offsets[j] + b.length <= offsets[i]).toBe(true);
          }
        }
      }),
    );
  });

  it('shares memory among those that are not', () => {
    const chain = Array.from({ length: 100 }, (_, i) => ({ length: 64, first: i, last: i + 1 }));
    expect(planMemory(chain, 16).length).toBe(128);
  });
});
