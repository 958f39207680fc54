/**
 * Tensor: a shape over a backend's buffer, and the edge to the operation that made it.
 *
 * It holds no arithmetic: operations are functions in ops/, one file a family, each with its shape rule, forward and
 * backward in one place. The backward pass over the recorded graph is in autograd.ts.
 */
import type { Backend, Buf, Floats } from '../backend/backend.ts';
import { numel, type Shape, show } from './shape.ts';

export type DType = 'f32' | 'i32';

/** Where a backward writes the gradient of one input: into `buf`, added to what is there if `accumulate`. */
export interface Target {
  readonly buf: Buf;
  readonly accumulate: boolean;
}

/** The operation that made a tensor. `backward` is given the output's gradient and asks for each input's target. */
export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  /** `target(i)` is null where input i needs no gradient. */
  readonly backward: (gradOutput: Buf, target: (input: number) => Target | null) => void;
}

/** What a tensor's elements are kept in. */
export interface Storage {
  readonly backend: Backend;
  readonly buf: Buf;
}

let created = 0;
let gradEnabled = true;

/** Runs `body` without recording operations, as torch.no_grad does. */
export function noGrad<T>(body: () => T): T {
  const before = gradEnabled;
  gradEnabled = false;
  try {
    return body();
  } finally {
    gradEnabled = before;
  }
}

export class Tensor {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Counts up as tensors are made, so that descending ids are a reverse topological order of any graph. */
  readonly id: number;
  requiresGrad: boolean;
  /** The gradient: of leaves after `backward`, and of others that asked with `retainGrad`. */
  grad: Tensor | null = null;
  keepsGrad: boolean;
  node: GraphNode | null = null;
  protected storage: Storage | null;

  constructor(storage: Storage | null, shape: Shape, options: { dtype?: DType; requiresGrad?: boolean } = {}) {
    if (storage !== null && storage.buf.length !== numel(shape))
      throw new Error(
        `a tensor of shape ${show(shape)} needs ${numel(shape)} elements, its buffer has ${storage.buf.length}`,
      );
    this.storage = storage;
    this.shape = shape;
    this.dtype = options.dtype ?? 'f32';
    this.requiresGrad = options.requiresGrad ?? false;
    this.keepsGrad = this.requiresGrad;
    this.id = created++;
  }

  get backend(): Backend {
    return this.placed().backend;
  }

  get buf(): Buf {
    return this.placed().buf;
  }

  get numel(): number {
    return numel(this.shape);
  }

  /** Keeps this tensor's gradient after `backward` though it is no leaf. */
  retainGrad(): this {
    this.keepsGrad = true;
    return this;
  }

  /** Where this tensor's gradient goes: memory of its own. */
  newGrad(): Tensor {
    return new Tensor({ backend: this.backend, buf: this.backend.alloc(this.numel) }, this.shape);
  }

  /** The elements, row-major. */
  async read(): Promise<Floats> {
    return this.backend.read(this.buf);
  }

  /** The single element of a one-element tensor. @throws Error if there are more. */
  async item(): Promise<number> {
    if (this.numel !== 1) throw new Error(`item: needs one element, has shape ${show(this.shape)}`);
    return (await this.read())[0] as number;
  }

  private placed(): Storage {
    if (this.storage === null)
      throw new Error(`a parameter of shape ${show(this.shape)} has no storage yet: call place(model, backend) first`);
    return this.storage;
  }
}

/** A dense tensor made from numbers, in the backend's arena. */
export function tensor(
  backend: Backend,
  data: ArrayLike<number>,
  shape: Shape,
  options: { requiresGrad?: boolean } = {},
): Tensor {
  if (data.length !== numel(shape))
    throw new Error(`tensor: ${data.length} numbers do not fill the shape ${show(shape)} (${numel(shape)})`);
  const buf = backend.alloc(data.length);
  backend.write(buf, data instanceof Float32Array ? data : Float64Array.from(data));
  return new Tensor({ backend, buf }, shape, options);
}

/** The i32 result of an operation that has no gradient. */
export function intOutput(backend: Backend, buf: Buf, shape: Shape): Tensor {
  return new Tensor({ backend, buf }, shape, { dtype: 'i32' });
}

/** Token ids, or any other whole numbers, of dtype i32. */
export function intTensor(backend: Backend, data: Int32Array | Uint16Array, shape: Shape): Tensor {
  if (data.length !== numel(shape))
    throw new Error(`intTensor: ${data.length} numbers do not fill the shape ${show(shape)} (${numel(shape)})`);
  const buf = backend.alloc(data.length);
  backend.writeInts(buf, data);
  return new Tensor({ backend, buf }, shape, { dtype: 'i32' });
}

/**
 * The result of an operation: recorded in the graph if any input needs a gradient and recording is on. Inputs and output are
 * f32 unless `dtype` says otherwise (of operations that only move elements).
 * @throws Error naming `op` if an input is of another dtype.
 */
export function output(
  backend: Backend,
  buf: Buf,
  shape: Shape,
  op: string,
  inputs: readonly Tensor[],
  backward: GraphNode['backward'],
  dtype: DType = 'f32',
): Tensor {
  for (const t of inputs)
    if (t.dtype !== dtype)
      throw new Error(`${op}: expected ${dtype}, got a tensor of ${t.dtype} and shape ${show(t.shape)}`);
  const out = new Tensor({ backend, buf }, shape, { dtype });
  if (gradEnabled && inputs.some((t) => t.requiresGrad)) {
    out.requiresGrad = true;
    out.node = { op, inputs, backward };
  }
  return out;
}
