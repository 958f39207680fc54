/**
 * Model surgery: a trained model is given a larger vocabulary. Which tensors grow, and along which dimensions, is what building the
 * model at both sizes shows: an embedding's rows, an output layer's rows and its bias, both ways of a bigram table.
 *
 * What a tensor was is its corner where all indices are small, kept bit for bit; the rest is new. Pure: files are others' business.
 */
import type { CheckpointTensor } from '../core/checkpoint/store.ts';
import { UserError } from '../core/errors.ts';
import { bufferLayout, initialise, type Layout, parameterLayout } from '../core/nn/index.ts';
import type { Range } from '../core/optim/optimizer.ts';
import { type Shape, show } from '../core/tensor/index.ts';
import { buildModel, type ModelSpec } from './model.ts';

/** What a row of a tensor (its last dimension) has in common with a smaller tensor's. */
interface Row {
  /** In elements from the start of the tensor. */
  readonly at: number;
  readonly length: number;
  /** So many, from the first on, are in the corner, and lie there in the smaller tensor. */
  readonly kept: number;
  readonly keptAt: number;
}

function* rowsOf(shape: Shape, corner: Shape): Generator<Row> {
  const length = shape.at(-1) ?? 1;
  const width = corner.at(-1) ?? 1;
  const places = shape.slice(0, -1).map(() => 0);
  const count = shape.slice(0, -1).reduce((n, size) => n * size, 1);
  for (let row = 0; row < count; row++) {
    const isInside = places.every((place, i) => place < (corner[i] ?? 0));
    const keptRow = places.reduce((n, place, i) => n * (corner[i] ?? 0) + place, 0);
    yield { at: row * length, length, kept: isInside ? width : 0, keptAt: keptRow * width };
    for (let i = places.length - 1; i >= 0; i--) {
      places[i] = (places[i] ?? 0) + 1;
      if ((places[i] ?? 0) < (shape[i] ?? 0)) break;
      places[i] = 0;
    }
  }
}

/**
 * The tensors of a checkpoint at a larger vocabulary: parameters and buffers, whose new elements are a fresh model's of that size
 * drawn from `seed`, and optimizer moments ("name/parameter"), whose new elements are zero.
 * @throws UserError where the checkpoint is not of the model, or the vocabulary would not grow
 */
export function growTensors(
  { file, tensors }: { readonly file: string; readonly tensors: readonly CheckpointTensor[] },
  before: ModelSpec,
  vocabSize: number,
  seed: number,
): CheckpointTensor[] {
  if (vocabSize <= before.vocabSize)
    throw new UserError(
      `the vocabulary has ${before.vocabSize} tokens already and would have ${vocabSize}: give more than there are.`,
    );
  const [was, is] = [buildModel(before), buildModel({ ...before, vocabSize })];
  const fresh = initialise(is, seed);
  const grown = new Map<string, { readonly shape: Shape; readonly corner: Shape; readonly first: Float32Array }>();
  const enter = (small: Layout, large: Layout, flat: Float32Array) => {
    for (const [i, { name, shape, offset, length }] of large.entries.entries())
      grown.set(name, { shape, corner: small.entries[i]?.shape ?? [], first: flat.subarray(offset, offset + length) });
  };
  enter(parameterLayout(was), parameterLayout(is), fresh.params);
  enter(bufferLayout(was), bufferLayout(is), fresh.buffers);
  return tensors.map(({ name, shape: found, data }) => {
    const isMoment = name.includes('/');
    const to = grown.get(isMoment ? name.slice(name.indexOf('/') + 1) : name);
    if (to === undefined || show(found) !== show(to.corner))
      throw new UserError(
        `${file} is a checkpoint of another model: its ${name} is ${show(found)}; give one of this model.`,
      );
    const values = isMoment ? new Float32Array(to.first.length) : to.first.slice();
    for (const { at, kept, keptAt } of rowsOf(to.shape, to.corner))
      if (kept > 0) values.set(data.subarray(keptAt, keptAt + kept), at);
    return { name, shape: to.shape, data: values };
  });
}

/**
 * Which parts of a model's flat parameters belong to the tokens from an id on, and to no other: what is new in a model that grew.
 * @throws UserError where there are no such tokens
 */
export function tokenRanges(spec: ModelSpec, from: number): Range[] {
  if (from >= spec.vocabSize)
    throw new UserError(
      `trainTokensFrom is ${from}, and the vocabulary has only ${spec.vocabSize} tokens: give an id below that, or leave it out.`,
    );
  const small = parameterLayout(buildModel({ ...spec, vocabSize: from }));
  const ranges: { offset: number; length: number }[] = [];
  for (const [i, { shape, offset }] of parameterLayout(buildModel(spec)).entries.entries())
    for (const { at, length, kept } of rowsOf(shape, small.entries[i]?.shape ?? [])) {
      if (kept === length) continue;
      const begin = offset + at + kept;
      const last = ranges.at(-1);
      if (last !== undefined && last.offset + last.length === begin) last.length += length - kept;
      else ranges.push({ offset: begin, length: length - kept });
    }
  return ranges;
}
