/**
 * Flat vectors: a model's parameters lie in one contiguous buffer, its gradients in another, its buffers (running
 * statistics) in a third, each cut up by a layout table. All-reduce, clipping, the optimizer, broadcast, checkpoint and
 * hash are then each one pass over one buffer.
 */
import type { Backend, Buf } from '../backend/backend.ts';
import { UserError } from '../errors.ts';
import { Site, Stream } from '../random/streams.ts';
import { backward, numel, type Shape, sameShape, show, Tensor } from '../tensor/index.ts';
import type { Init } from './init.ts';
import type { Module } from './module.ts';

export interface LayoutEntry {
  readonly name: string;
  readonly shape: Shape;
  /** In elements from the start of the flat vector. */
  readonly offset: number;
  readonly length: number;
}

/** Where each tensor lies in a flat vector: in module order, without gaps, tied weights once. */
export interface Layout {
  readonly entries: readonly LayoutEntry[];
  readonly length: number;
}

export function layoutOf(named: readonly (readonly [string, Tensor])[]): Layout {
  const entries: LayoutEntry[] = [];
  let length = 0;
  for (const [name, t] of named) {
    entries.push({ name, shape: t.shape, offset: length, length: numel(t.shape) });
    length += numel(t.shape);
  }
  return { entries, length };
}

export const parameterLayout = (model: Module): Layout => layoutOf(model.namedParameters());
export const bufferLayout = (model: Module): Layout => layoutOf(model.namedBuffers());

/** The flat vectors of a model that has been placed on a backend. */
export interface Placed {
  readonly params: Buf;
  readonly grads: Buf;
  readonly buffers: Buf;
}

/** Gives every parameter, gradient and buffer of the model its slice of three new flat vectors (uninitialised). */
export function place(model: Module, backend: Backend): Placed {
  const layout = parameterLayout(model);
  const bufLayout = bufferLayout(model);
  const params = backend.alloc(layout.length);
  const grads = backend.alloc(layout.length);
  const buffers = backend.alloc(bufLayout.length);
  for (const [i, [, p]] of model.namedParameters().entries()) {
    const { offset, length } = entryAt(layout, i);
    p.place({ backend, buf: params.slice(offset, length) });
    p.placeGrad(new Tensor({ backend, buf: grads.slice(offset, length) }, p.shape));
  }
  for (const [i, [, b]] of model.namedBuffers().entries()) {
    const { offset, length } = entryAt(bufLayout, i);
    b.place({ backend, buf: buffers.slice(offset, length) });
  }
  return { params, grads, buffers };
}

/**
 * The gradient of `loss` for every parameter, in the flat vector, which is overwritten: what `backward` adds to gradients
 * that were zero before, without the zeros being written and read.
 */
export function gradients(model: Module, loss: Tensor): void {
  const parameters = model.namedParameters();
  for (const [, p] of parameters) p.grad = null;
  backward(loss);
  for (const [, p] of parameters) {
    if (p.grad !== null) continue;
    p.grad = p.newGrad();
    p.backend.fill(p.grad.buf, 0);
  }
}

function entryAt(layout: Layout, i: number): LayoutEntry {
  const entry = layout.entries[i];
  if (entry === undefined) throw new RangeError(`a layout of ${layout.entries.length} entries has no entry ${i}`);
  return entry;
}

/** Flat vectors. */
export interface FirstValues {
  readonly params: Float32Array;
  readonly buffers: Float32Array;
}

/** The first values of a model's parameters and buffers, drawn from `seed` alone. */
export function initialise(model: Module, seed: number): FirstValues {
  const draw = (named: [string, Tensor & { init: Init }][], kind: number) => {
    const layout = layoutOf(named);
    const flat = new Float32Array(layout.length);
    for (const [i, [, t]] of named.entries()) {
      const { offset, length } = entryAt(layout, i);
      t.init(flat.subarray(offset, offset + length), new Stream(seed, Site.init, i, kind));
    }
    return flat;
  };
  return { params: draw(model.namedParameters(), 0), buffers: draw(model.namedBuffers(), 1) };
}

/** A tensor by name, as checkpoints hold them. */
export interface NamedValues {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A flat vector cut up into named tensors, copied. `prefix` goes before each name. */
export function unflatten(layout: Layout, flat: Float32Array, prefix = ''): NamedValues[] {
  return layout.entries.map(({ name, shape, offset, length }) => ({
    name: prefix + name,
    shape,
    data: flat.slice(offset, offset + length),
  }));
}

/**
 * The reverse of `unflatten`: the flat vector of the tensors that `layout` names.
 * @throws UserError where one is missing from, or has another shape in, the file
 */
export function flatten(
  layout: Layout,
  { file, tensors }: { readonly file: string; readonly tensors: readonly NamedValues[] },
  prefix = '',
): Float32Array {
  const byName = new Map(tensors.map((t) => [t.name, t]));
  const flat = new Float32Array(layout.length);
  for (const { name, shape, offset } of layout.entries) {
    const found = byName.get(prefix + name);
    if (found === undefined || !sameShape(found.shape, shape)) {
      const what = found === undefined ? 'has no' : `has a ${show(found.shape)}`;
      throw new UserError(
        `${file} is a checkpoint of another model: it ${what} ${prefix}${name}, which is ${show(shape)} here; give a checkpoint of this model.`,
      );
    }
    flat.set(found.data, offset);
  }
  return flat;
}
