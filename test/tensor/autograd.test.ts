/** The backward pass itself: which tensors get gradients, what is recorded, how gradients add up. */
import { describe, expect, test } from 'vitest';
import { add, backward, mul, noGrad, sum, tensor } from '../../core/tensor/index.ts';
import { reference, wasm } from '../support/backends.ts';

describe.each([wasm, reference])('$name', (backend) => {
  const leaf = (...data: number[]) => tensor(backend, data, [data.length], { requiresGrad: true });

  test('leaves keep their gradients, other tensors only if asked with retainGrad', async () => {
    const x = leaf(1, 2, 3);
    const asked = mul(x, 2).retainGrad();
    const other = mul(asked, x);
    backward(sum(other));
    expect([...((await asked.grad?.read()) ?? [])]).toEqual([1, 2, 3]);
    expect([...((await x.grad?.read()) ?? [])]).toEqual([4, 8, 12]);
    expect(other.grad).toBeNull();
  });

  test('noGrad records nothing, inside and no further, an error or not', () => {
    const x = leaf(1, 2);
    const inside = noGrad(() => mul(x, 2));
    expect([inside.requiresGrad, inside.node]).toEqual([false, null]);
    expect(() => backward(sum(inside))).toThrow('nothing that led to this tensor requires a gradient');
    expect(() =>
      noGrad(() => {
        throw new Error('thrown inside');
      }),
    ).toThrow('thrown inside');
    expect(noGrad(() => noGrad(() => 7))).toBe(7);
    expect(mul(x, 2).requiresGrad).toBe(true);
  });

  test('gradients of two backward passes add up, and start from the one given', async () => {
    const x = leaf(1, 2);
    backward(sum(mul(x, x)));
    backward(add(x, x), tensor(backend, [10, 20], [2]));
    expect([...((await x.grad?.read()) ?? [])]).toEqual([22, 44]);
    expect(() => backward(add(x, x))).toThrow('give a gradient for a tensor of shape [2]');
  });
});
