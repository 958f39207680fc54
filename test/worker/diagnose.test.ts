/** Diagnostics: what is recorded of layers is what they did, and it crosses a wire. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import type { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import { distributionOf } from '../../core/distribution.ts';
import {
  Embedding,
  FlattenConsecutive,
  gradients,
  initialise,
  Linear,
  place,
  Sequential,
  Tanh,
} from '../../core/nn/index.ts';
import { type LayerRecord, layerRecordsSchema } from '../../core/protocol/diagnostics.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import { fromWorkerSchema, parseResult, resultMessage } from '../../core/protocol/messages.ts';
import { crossEntropy, intTensor } from '../../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../../models/model.ts';
import { Compute } from '../../worker/compute.ts';
import { diagnose } from '../../worker/diagnose.ts';

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

let backend: WasmBackend;
beforeAll(async () => {
  backend = await createWasmBackend();
});

describe('a small network', () => {
  const tanh = new Tanh();
  const layers = [new Embedding(3, 4), new FlattenConsecutive(2), new Linear(8, 5), tanh, new Linear(5, 3)];
  const model = new Sequential(...layers);
  let records: LayerRecord[];
  let hidden: Float32Array;
  let logits: Float32Array;

  beforeAll(async () => {
    const { params } = place(model, backend);
    // Large weights, so that some units are saturated and others are not.
    const first = initialise(model, 7).params;
    backend.write(
      params,
      first.map((v) => 3 * v),
    );
    const x = intTensor(backend, new Int32Array([0, 1, 2, 0, 1, 1]), [3, 2]);
    const y = intTensor(backend, new Int32Array([0, 1, 2]), [3]);
    const step = () => gradients(model, crossEntropy(model.forward(x), y, { reduction: 'sum' }));
    records = await diagnose(model, backend, step, 1 / 3);
    const before = layers.slice(0, 4).reduce((h, layer) => layer.forward(h), x);
    hidden = Float32Array.from(await before.read());
    logits = Float32Array.from(await model.forward(x).read());
  });

  test('has a record of each layer that computes, by its name', () => {
    expect(records.map(({ name, type, shape }) => [name, type, shape])).toEqual([
      ['0', 'Embedding', [3, 2, 4]],
      ['2', 'Linear', [3, 5]],
      ['3', 'Tanh', [3, 5]],
      ['4', 'Linear', [3, 3]],
    ]);
    expect(layerRecordsSchema.parse(records)).toEqual(records);
  });

  test('whose activations are its outputs, with the saturated ones drawn', () => {
    expect(records[2]?.activation).toEqual(distributionOf(hidden));
    expect(records[2]?.saturated).toBe(hidden.filter((t) => Math.abs(t) > 0.97).length / 15);
    const cells = Array.from(hidden, (t) => (Math.abs(t) > 0.99 ? '1' : '0')).join('');
    expect(records[2]?.image).toEqual({ rows: 3, columns: 5, cells });
    expect(cells).toMatch(/^(?=.*1)(?=.*0)/);
  });

  test('whose gradients are those of the mean loss', () => {
    const wanted = new Float32Array(9);
    for (let row = 0; row < 3; row++) {
      const exps = [0, 1, 2].map((c) => Math.exp(logits[3 * row + c] as number));
      for (const [c, e] of exps.entries()) wanted[3 * row + c] = (e / sum(exps) - (c === row ? 1 : 0)) / 3;
    }
    expect(records[3]?.gradient.std).toBeGreaterThan(0.01);
    expect(records[3]?.gradient.std).toBeCloseTo(distributionOf(wanted).std, 6);
  });

  test('and which is as it was', () => {
    expect(Object.hasOwn(tanh, 'forward')).toBe(false);
  });
});

describe('a lease to look', () => {
  const spec: ModelSpec = {
    name: 'gpt',
    vocabSize: 65,
    blockSize: 8,
    layers: 40,
    heads: 2,
    embeddingDim: 8,
    dropout: 0.1,
  };
  const x = Uint16Array.from({ length: 32 }, (_, i) => (i * 7) % 65);
  const lease = { round: 3, version: 0, seed: 1, lo: 0, size: 1, counts: [4], x, y: x };

  test('gives the loss of the training lease, no gradient, and records that fit a message, of a deep model too', async () => {
    const compute = new Compute(backend, spec);
    compute.load({ version: 0, ...initialise(buildModel(spec), 1) });
    const { gradient, statistics } = compute.lengths;
    const into = { gradient: new Float32Array(gradient), statistics: new Float32Array(statistics) };
    const trained = await compute.run({ ...lease, mode: 'train' }, into);
    const before = trained.gradient.slice();
    const seen = await compute.run({ ...lease, mode: 'diagnose' }, into);
    // The same elements were dropped.
    expect(seen.losses).toEqual(trained.losses);
    expect([seen.gradient.length, seen.statistics.length, seen.layers?.length]).toEqual([0, 0, 128]);
    // Afterwards training is what it was.
    expect((await compute.run({ ...lease, mode: 'train' }, into)).gradient).toEqual(before);

    const decoder = new FrameDecoder(fromWorkerSchema, () => 2 ** 20);
    const message = encodeFrames(resultMessage(seen)).flatMap((frame) => decoder.push(frame) ?? []);
    expect(
      message.map((m) => (m.header.kind === 'result' ? parseResult({ ...m, header: m.header }).layers : null)),
    ).toEqual([seen.layers]);
  });
});

describe('a distribution', () => {
  test('of nothing, of one value, of what is not finite', () => {
    expect(distributionOf(new Float32Array(0))).toEqual({ mean: 0, std: 0, histogram: { lo: 0, hi: 0, counts: [0] } });
    expect(distributionOf(new Float32Array([2, 2]), 0.5)).toEqual({
      mean: 1,
      std: 0,
      histogram: { lo: 1, hi: 1, counts: [2] },
    });
    const { mean, histogram } = distributionOf(new Float32Array([Number.NaN, 1, 3, Number.POSITIVE_INFINITY]));
    expect([mean, histogram.lo, histogram.hi, sum(histogram.counts)]).toEqual([2, 1, 3, 2]);
  });

  test('counts every value once, outliers in the last bin', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => (i === 999 ? 1e6 : i / 1000));
    const { histogram } = distributionOf(values);
    expect(sum(histogram.counts)).toBe(1000);
    expect(histogram.counts.at(-1)).toBe(1);
    expect(histogram.hi).toBeLessThan(1e6);
  });
});
