/** AdamW's `decay: 'matrices'`: weight decay reaches tensors of two dimensions or more, and no other. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layoutOf, Parameter } from '../../core/nn/index.ts';
import { zeros } from '../../core/nn/init.ts';
import { createOptimizer, type OptimizerConfig } from '../../core/optim/optimizer.ts';
import { wasm } from '../support/backends.ts';

const config = { name: 'adamw', beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.5 } as const;
const LR = 0.1;

/** One step without a gradient from all ones: Adam moves nothing, so what moved has decayed. */
async function afterOneStep(shapes: readonly number[][], config: OptimizerConfig): Promise<Float32Array[]> {
  const mark = wasm.mark();
  const layout = layoutOf(shapes.map((shape, i) => [`p${i}`, new Parameter(shape, zeros)]));
  const optimizer = createOptimizer(config, layout, wasm);
  const [params, grads] = [wasm.alloc(layout.length), wasm.alloc(layout.length)];
  wasm.fill(params, 1);
  wasm.fill(grads, 0);
  optimizer.step(params, grads, LR, 1);
  const flat = Float32Array.from(await wasm.read(params));
  wasm.release(mark);
  return layout.entries.map(({ offset, length }) => flat.slice(offset, offset + length));
}

const shapes = fc.array(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }), { minLength: 1, maxLength: 8 });
const decayed = Math.fround(1 - LR * config.weightDecay);

test('only tensors of two dimensions or more decay', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async (shapes) => {
      const after = await afterOneStep(shapes, { ...config, decay: 'matrices' });
      for (const [i, values] of after.entries())
        for (const value of values) expect(value).toBeCloseTo(shapes[i].length >= 2 ? decayed : 1, 6);
    }),
  );
});

test("with torch's default all of them do", async () => {
  const after = await afterOneStep([[3, 2], [5], [], [2, 2, 2]], { ...config, decay: 'all' });
  for (const values of after) for (const value of values) expect(value).toBeCloseTo(decayed, 6);
});
