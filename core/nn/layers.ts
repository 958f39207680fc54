/** The layers, named and initialised as in torch.nn. Data has its channels last, as in the lectures. */
import {
  type BatchStatistics,
  batchNorm,
  batchNormEval,
  cat,
  embedding,
  linear,
  show,
  type Tensor,
  tanh,
  view,
} from '../tensor/index.ts';
import { type Init, normal, ones, uniform, zeros } from './init.ts';
import { Module, ModuleBuffer, Parameter } from './module.ts';

/** y = x · weightᵀ + bias on the last dimension; weight is [out, in]. U(±1/√in), torch.nn.Linear's default. */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(inFeatures: number, outFeatures: number, options: { bias?: boolean; init?: Init; biasInit?: Init } = {}) {
    super();
    const bound = 1 / Math.sqrt(inFeatures);
    this.weight = new Parameter([outFeatures, inFeatures], options.init ?? uniform(-bound, bound));
    this.bias =
      options.bias === false ? null : new Parameter([outFeatures], options.biasInit ?? uniform(-bound, bound));
  }

  override forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}

/** Rows of a table by id: i32 [...] → [..., dim]. N(0, 1). */
export class Embedding extends Module {
  readonly weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: { init?: Init } = {}) {
    super();
    this.weight = new Parameter([numEmbeddings, embeddingDim], options.init ?? normal());
  }

  override forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight);
  }
}

/**
 * Batch norm of [N, C] or [N, L, C]: over all dimensions but the last.
 *
 * In training it normalises by the batch's own statistics and leaves them in `batchStatistics`; the running ones are
 * not touched here but once a step, from all micro-batches together: see runningStatistics.ts.
 */
export class BatchNorm1d extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly running_mean: ModuleBuffer;
  readonly running_var: ModuleBuffer;
  readonly eps: number;
  readonly momentum: number;
  /** Whether training normalises by the variance that divides by n − 1, as the lecture's layer made by hand; PyTorch's does not. */
  readonly unbiased: boolean;
  /** Positions of [N, L, C] that are normalised each by itself, over the batch alone; 1: all together, as PyTorch does. */
  readonly positions: number;
  batchStatistics: BatchStatistics | null = null;

  constructor(
    numFeatures: number,
    options: { eps?: number; momentum?: number; unbiased?: boolean; positions?: number; init?: Init } = {},
  ) {
    super();
    this.eps = options.eps ?? 1e-5;
    this.momentum = options.momentum ?? 0.1;
    this.unbiased = options.unbiased ?? false;
    this.positions = options.positions ?? 1;
    this.weight = new Parameter([numFeatures], options.init ?? ones);
    this.bias = new Parameter([numFeatures], zeros);
    this.running_mean = new ModuleBuffer([this.positions * numFeatures], zeros);
    this.running_var = new ModuleBuffer([this.positions * numFeatures], ones);
  }

  override forward(x: Tensor): Tensor {
    if (x.shape.length !== 2 && x.shape.length !== 3)
      throw new Error(`BatchNorm1d: expected [N, C] or [N, L, C], got ${show(x.shape)}`);
    if (this.positions > 1) return view(this.normalise(this.apart(x)), ...x.shape);
    return this.normalise(x);
  }

  /** A position's channels become channels of their own: [N, L, C] → [N, L·C]. */
  private apart(x: Tensor): Tensor {
    const [batch = 0, length, channels = 0] = x.shape;
    if (x.shape.length !== 3 || length !== this.positions)
      throw new Error(`BatchNorm1d: expected [N, ${this.positions}, C], got ${show(x.shape)}`);
    return view(x, batch, length * channels);
  }

  private normalise(x: Tensor): Tensor {
    const [weight, bias] = [this.everywhere(this.weight), this.everywhere(this.bias)];
    if (!this.training) return batchNormEval(x, weight, bias, this.running_mean, this.running_var, this.eps);
    const { y, statistics } = batchNorm(x, weight, bias, this.eps, this.unbiased);
    this.batchStatistics = statistics;
    return y;
  }

  /** The one parameter that all positions share, [C] → [L·C]. */
  private everywhere(parameter: Parameter): Tensor {
    return this.positions === 1
      ? parameter
      : cat(
          Array.from({ length: this.positions }, () => parameter),
          0,
        );
  }
}

export class Tanh extends Module {
  override forward(x: Tensor): Tensor {
    return tanh(x);
  }
}

/** Joins every n consecutive positions: [N, L, C] → [N, L/n, C·n], and → [N, C·n] where one position is left. */
export class FlattenConsecutive extends Module {
  readonly n: number;

  constructor(n: number) {
    super();
    this.n = n;
  }

  override forward(x: Tensor): Tensor {
    const [batch, length, channels] = x.shape;
    if (
      x.shape.length !== 3 ||
      batch === undefined ||
      length === undefined ||
      channels === undefined ||
      length % this.n !== 0
    )
      throw new Error(
        `FlattenConsecutive(${this.n}): expected [N, L, C] with L a multiple of ${this.n}, got ${show(x.shape)}`,
      );
    const positions = length / this.n;
    return positions === 1 ? view(x, batch, channels * this.n) : view(x, batch, positions, channels * this.n);
  }
}

/** Layers one after the other, named 0, 1, 2, ... */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    this.layers = layers;
  }

  override forward(x: Tensor): Tensor {
    return this.layers.reduce((h, layer) => layer.forward(h), x);
  }

  /** PyTorch names a Sequential's layers by their number alone. */
  override *namedModules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this];
    for (const [i, layer] of this.layers.entries())
      yield* layer.namedModules(prefix === '' ? `${i}` : `${prefix}.${i}`);
  }
}
