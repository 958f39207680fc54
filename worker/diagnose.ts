/**
 * What a model's layers do on a micro-batch: the distribution of each one's output, and of the gradient by it. Looks through
 * forward hooks at a step that is made for the purpose; no number of the training comes from here.
 */
import type { Backend } from '../core/backend/backend.ts';
import { distributionOf } from '../core/distribution.ts';
import { Dropout, FlattenConsecutive, type Module, Tanh, watchForward } from '../core/nn/index.ts';
import type { LayerRecord } from '../core/protocol/diagnostics.ts';
import type { Tensor } from '../core/tensor/index.ts';

/** Beyond these |t| the lecture calls a tanh saturated, in its table and in its picture. */
const SATURATED = 0.97;
const DEAD = 0.99;
/** The picture's largest size. */
const ROWS = 32;
const COLUMNS = 256;
/** The first so many are looked at, and drawn: a record travels in the header of a message, which has its limit. */
const MAX_LAYERS = 128;
const MAX_IMAGES = 4;

/** Layers that have none below them; of those, neither what only moves elements nor what only drops them. */
const isLayer = (module: Module): boolean =>
  !(module instanceof FlattenConsecutive) && !(module instanceof Dropout) && [...module.namedModules()].length === 1;

/**
 * Records the layers of `model` during `step`, which makes a forward and a backward pass.
 * @param scale what gradients are multiplied by: 1 / targets, where the loss is a sum
 */
export async function diagnose(
  model: Module,
  backend: Backend,
  step: () => void,
  scale: number,
): Promise<LayerRecord[]> {
  const seen: { readonly name: string; readonly module: Module; readonly output: Tensor }[] = [];
  const mark = backend.mark();
  const unwatch = watchForward(model, (name, module, output) => {
    if (seen.length < MAX_LAYERS && output.requiresGrad && isLayer(module))
      seen.push({ name, module, output: output.retainGrad() });
  });
  try {
    step();
    const records: LayerRecord[] = [];
    let images = 0;
    for (const { name, module, output } of seen) {
      const values = Float32Array.from(await output.read());
      const gradient = output.grad === null ? new Float32Array(0) : Float32Array.from(await output.grad.read());
      records.push({
        name,
        type: module.constructor.name,
        shape: [...output.shape],
        activation: distributionOf(values),
        gradient: distributionOf(gradient, scale),
        saturated: module instanceof Tanh ? values.filter((t) => Math.abs(t) > SATURATED).length / values.length : null,
        image: module instanceof Tanh && images++ < MAX_IMAGES ? image(values, output.shape.at(-1) ?? 1) : null,
      });
    }
    return records;
  } finally {
    unwatch();
    backend.release(mark);
  }
}

function image(values: Float32Array, width: number): LayerRecord['image'] {
  const rows = Math.min(ROWS, values.length / width);
  const columns = Math.min(COLUMNS, width);
  let cells = '';
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) cells += Math.abs(values[r * width + c] as number) > DEAD ? '1' : '0';
  return { rows, columns, cells };
}
