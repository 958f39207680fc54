/**
 * The optimizers against torch.optim over 20 steps (test/fixtures/make_optim.py), on both backends. The reference computes
 * in double precision what PyTorch rounds to f32 at each step, so both are held to the same few units in the last place.
 */
import { describe, test } from 'vitest';
import type { Backend } from '../../core/backend/backend.ts';
import type { Layout } from '../../core/nn/index.ts';
import { createOptimizer, type OptimizerConfig } from '../../core/optim/optimizer.ts';
import { reference, wasm } from '../support/backends.ts';
import { expectClose, Fixture } from './fixture.ts';

/** About 20 roundings of values near 1, one a step; relative for the larger ones. */
const TOLERANCE = { absolute: 1e-6, relative: 2e-6 };
const LR = 1e-2;
const STEPS = 20;
const SIZE = 37;
const layout: Layout = { entries: [{ name: 'w', shape: [SIZE], offset: 0, length: SIZE }], length: SIZE };

const cases: Record<string, OptimizerConfig> = {
  adamw: { name: 'adamw', beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, decay: 'all' },
  sgd: { name: 'sgd', momentum: 0, nesterov: false, weightDecay: 0 },
  sgd_momentum: { name: 'sgd', momentum: 0.9, nesterov: false, weightDecay: 0.01 },
  sgd_nesterov: { name: 'sgd', momentum: 0.9, nesterov: true, weightDecay: 0.01 },
};

const fixture = await Fixture.open('optim.safetensors');

const backends: Backend[] = [wasm, reference];
describe.each(backends)('$name', (backend) => {
  test.each(Object.entries(cases))('%s makes the steps of PyTorch', async (name, config) => {
    const mark = backend.mark();
    const optimizer = createOptimizer(config, layout, backend);
    const [params, grads] = [backend.alloc(SIZE), backend.alloc(SIZE)];
    backend.write(params, fixture.floats('init'));
    const want = fixture.floats(`${name}.params`);
    for (let step = 0; step < STEPS; step++) {
      const row = [step * SIZE, (step + 1) * SIZE] as const;
      backend.write(grads, fixture.floats('grads').subarray(...row));
      optimizer.step(params, grads, LR, step + 1);
      expectClose(`step ${step}: params`, await backend.read(params), want.subarray(...row), TOLERANCE);
    }
    for (const moment of optimizer.moments)
      expectClose(moment.name, await backend.read(moment.buf), fixture.floats(`${name}.${moment.name}`), TOLERANCE);
    backend.release(mark);
  });
});
