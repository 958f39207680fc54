/** makemore 3: what the layers do, with batch norm and without, and at each gain. */
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { BatchNorm1d, gradients, initialise, Linear, place, Sequential, Tanh } from '../../core/nn/index.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import { mean, mul, tensor } from '../../core/tensor/index.ts';
import { type Check, fact, quick } from './check.ts';
import { diagnosed, percent, tanhs } from './diagnosed.ts';
import { notebook, SEED } from './notebook.ts';
import { quoted } from './training.ts';

const deep = (batchNorm: boolean, gain: number): string[] => [
  ...notebook('names-mlp', false),
  ...[
    '--set',
    `model={name: deep-mlp, blockSize: 3, embeddingDim: 10, hidden: 100, layers: 5, batchNorm: ${batchNorm}, gain: ${gain}}`,
  ],
  ...['--set', 'schedule={name: constant, lr: 0.1}', '--seed', `${SEED}`],
];

const GAIN = 5 / 3;
const shown = (numbers: readonly number[]): string => numbers.map((n) => n.toFixed(2)).join(', ');

/** A check of the tanh layers after so many steps. */
function layers(
  id: string,
  what: string,
  lecture: string,
  args: readonly string[],
  steps: number,
  holds: (std: readonly number[], saturated: readonly number[]) => boolean,
): Check {
  return quick(
    id,
    what,
    lecture,
    async () => {
      const found = tanhs(await diagnosed(id, args, steps));
      const [std, saturated] = [found.map((t) => t.std), found.map((t) => t.saturated)];
      return fact(`${shown(std)}; ${saturated.map(percent).join(', ')}`, found.length === 5 && holds(std, saturated));
    },
    {
      needs: 'names.txt',
      seeds: `${SEED}`,
      command: `manygrad train ${args.map(quoted).join(' ')} --data names.txt --steps ${steps} --diagnostics every=${steps}`,
    },
  );
}

const between = (lo: number, hi: number) => (v: number) => v >= lo && v <= hi;
const falls = (numbers: readonly number[]) => numbers.every((n, i) => i === 0 || n < (numbers[i - 1] ?? 0));

export const section4Layers: readonly Check[] = [
  layers(
    '4-deep-tanh',
    'the deep net with batch norm after 1,000 steps, in the step after: spread and saturation of its tanh layers',
    '0.63–0.65; 1.7–2.8 %',
    // With batch norm the notebook has no gain.
    [...deep(true, 1), '--set', 'model.unbiased=true'],
    1001,
    (std, saturated) =>
      std.map((s) => Number(s.toFixed(2))).every(between(0.63, 0.65)) &&
      saturated.map((s) => Number((100 * s).toFixed(1))).every(between(1.7, 2.8)),
  ),
  layers(
    '4-gain-5-3',
    'without batch norm, gain 5/3, at first',
    '≈ 0.65; first layer ~20 %, then ~5 %',
    deep(false, GAIN),
    1,
    (std, saturated) =>
      std.slice(1).every(between(0.62, 0.72)) &&
      between(0.15, 0.25)(saturated[0] ?? 0) &&
      saturated.slice(2).every(between(0.03, 0.08)),
  ),
  layers('4-gain-1', 'gain 1: shrinks with depth', 'falls from layer to layer', deep(false, 1), 1, falls),
  layers('4-gain-3', 'gain 3: saturates', '> 40 %', deep(false, 3), 1, (_, saturated) =>
    saturated.every((s) => s > 0.4),
  ),
  layers(
    '4-gain-0.5',
    'gain 0.5: vanishes',
    'falls towards 0',
    deep(false, 0.5),
    1,
    (std) => falls(std) && (std.at(-1) ?? 1) < 0.05,
  ),
  quick(
    '4-scale-invariance',
    'with batch norm, W → 4W leaves the output as it is and divides update:data by 16',
    'unchanged; a²',
    async () => {
      const [one, four] = [
        await diagnosed('4-scale-1', deep(true, GAIN), 1),
        await diagnosed('4-scale-4', deep(true, 4 * GAIN), 1),
      ];
      const [out, outFour] = [one, four].map((d) => d.layers.at(-1)?.activation.std ?? 0);
      const weights = one.parameters.flatMap((p, i) =>
        p.shape.length === 2 && i > 0 ? [p.updateToData / (four.parameters[i]?.updateToData ?? 0)] : [],
      );
      const same = Math.abs((out ?? 0) / (outFour ?? 1) - 1) < 1e-3;
      const ours = `output's spread ${out?.toFixed(4)} and ${outFour?.toFixed(4)}; update:data divided by ${weights.map((w) => w.toFixed(1)).join(', ')}`;
      return fact(ours, same && weights.length === 6 && weights.every(between(15.8, 16.2)));
    },
    { needs: 'names.txt', seeds: `${SEED}` },
  ),
  quick(
    '4-diagnostics',
    'what a recorded step holds: histograms of activations and of their gradients, layers; gradient and update against data, matrices; pictures of dead neurons (|h| > 0.99), 32 examples by 100 neurons, of the first four layers',
    'four diagnostics, and the picture',
    async () => {
      const { layers: all, parameters } = await diagnosed('4-diagnostics', deep(true, 1), 1);
      const matrices = parameters.filter((p) => p.shape.length === 2 && p.gradToData > 0 && p.updateToData > 0);
      const pictures = all.flatMap(({ image }) => image ?? []);
      const histograms = all.flatMap(({ activation, gradient }) => [activation.histogram, gradient.histogram]);
      const full = histograms.every(({ counts }) => counts.length > 1 && counts.some((n) => n > 0));
      const ours = `${all.length} layers; ${matrices.length} matrices; ${pictures.length} pictures`;
      const square = pictures.every(
        ({ rows, columns, cells }) => rows === 32 && columns === 100 && cells.length === 3200,
      );
      return fact(ours, full && all.length >= 17 && matrices.length === 7 && pictures.length === 4 && square);
    },
    {
      needs: 'names.txt',
      seeds: `${SEED}`,
      command: 'manygrad train … --diagnostics every=100, then manygrad report',
    },
  ),
  quick('4-bias-before-norm', 'the bias before a batch norm has no gradient', '0', async () => {
    const backend = await createWasmBackend();
    const linear = new Linear(6, 4);
    const model = new Sequential(linear, new BatchNorm1d(4), new Tanh());
    const { params } = place(model, backend);
    backend.write(params, initialise(model, 1).params);
    const x = tensor(backend, new Stream(1, Site.sample).normals(6 * 32), [32, 6]);
    const y = model.forward(x);
    gradients(model, mean(mul(y, y)));
    const largest = async (t: { read(): Promise<ArrayLike<number>> } | null | undefined) =>
      Math.max(...Array.from((await t?.read()) ?? [], Math.abs));
    const [bias, weight] = [await largest(linear.bias?.grad), await largest(linear.weight.grad)];
    return fact(
      `${bias.toExponential(0)} beside ${weight.toExponential(0)} of the weights`,
      bias < 1e-6 * weight || bias < 1e-7,
    );
  }),
];
