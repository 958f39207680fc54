/** makemore 5: the layers, and the network slid over a sequence. */
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { BatchNorm1d, initialise, Linear, place, type Sequential } from '../../core/nn/index.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import { cat, intTensor, narrow, noGrad, type Tensor, tensor } from '../../core/tensor/index.ts';
import { wavenet } from '../../models/wavenet.ts';
import { type Check, fact, quick } from './check.ts';

const LENGTH = 40;
const CONTEXT = 8;

/**
 * The same layers as a causal convolution, dilated by 1, 2, 4: at each place a pair is what stands here and `dilation`
 * before, for all places at once. @returns the logits at every place from the first whole context on, [places, V]
 */
function convolved(model: Sequential, ids: Tensor): Tensor {
  const [embedding, ...layers] = model.layers;
  if (embedding === undefined) throw new Error('a WaveNet without layers');
  // [1, L, C]
  let x = embedding.forward(ids);
  let dilation = 1;
  for (const layer of layers) {
    if (layer.constructor.name === 'FlattenConsecutive') {
      const L = x.shape[1] ?? 0;
      x = cat([narrow(x, 1, 0, L - dilation), narrow(x, 1, dilation, L - dilation)], -1);
      dilation *= 2;
    } else x = layer.forward(x);
  }
  return x;
}

export const section6Layers: readonly Check[] = [
  quick(
    '6-convolution',
    `slid over ${LENGTH} characters, window by window, next to a dilated causal convolution: largest difference of a logit`,
    'equal',
    async () => {
      const backend = await createWasmBackend();
      const model = wavenet({ vocabSize: 27, blockSize: CONTEXT, embeddingDim: 10, hidden: 68 });
      const { params, buffers } = place(model, backend);
      const first = initialise(model, 5);
      backend.write(params, first.params);
      backend.write(buffers, first.buffers);
      model.eval();
      const stream = new Stream(5, Site.sample);
      const text = Int32Array.from({ length: LENGTH }, (_, i) => stream.integerBelow(i, 27));
      const places = LENGTH - CONTEXT + 1;
      const windows = Int32Array.from(
        { length: places * CONTEXT },
        (_, i) => text[Math.floor(i / CONTEXT) + (i % CONTEXT)] ?? 0,
      );
      const slid = Array.from(await noGrad(() => model.forward(intTensor(backend, windows, [places, CONTEXT]))).read());
      const all = Array.from(await noGrad(() => convolved(model, intTensor(backend, text, [1, LENGTH]))).read());
      const furthest = Math.max(...slid.map((v, i) => Math.abs(v - (all[i] ?? Number.NaN))));
      return fact(furthest.toExponential(1), slid.length === all.length && furthest < 1e-5);
    },
    { seeds: '5' },
  ),
  quick(
    '6-linear',
    'Linear works on the last dimension of any number',
    'matmul of (4, 5, 80) by (80, 200)',
    async () => {
      const backend = await createWasmBackend();
      const linear = new Linear(80, 200);
      place(linear, backend);
      const shape = linear.forward(tensor(backend, new Float32Array(4 * 5 * 80), [4, 5, 80])).shape.join(', ');
      return fact(`(${shape})`, shape === '4, 5, 200');
    },
  ),
  quick('6-batch-norm', 'BatchNorm1d takes 2 and 3 dimensions, channels last, and no others', 'an error', async () => {
    const backend = await createWasmBackend();
    const norm = new BatchNorm1d(3);
    place(norm, backend);
    const takes = (shape: number[]): boolean => {
      try {
        norm.forward(tensor(backend, new Float32Array(shape.reduce((a, b) => a * b, 1)), shape));
        return true;
      } catch {
        return false;
      }
    };
    const taken = [[3], [4, 3], [4, 2, 3], [4, 2, 2, 3]].map(takes);
    return fact(
      `1 to 4 dimensions: ${taken.map((t) => (t ? 'taken' : 'error')).join(', ')}`,
      taken.join() === 'false,true,true,false',
    );
  }),
];
