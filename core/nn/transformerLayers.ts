/** The layers that transformers are made of, named and initialised as in torch.nn. */
import { gelu, layerNorm, relu, sigmoid, type Tensor } from '../tensor/index.ts';
import { ones, zeros } from './init.ts';
import { Module, Parameter } from './module.ts';

/** Layer norm over the last dimension. Weight ones, bias zeros, or no bias with `bias: false`. */
export class LayerNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  readonly eps: number;

  constructor(size: number, options: { eps?: number; bias?: boolean } = {}) {
    super();
    this.eps = options.eps ?? 1e-5;
    this.weight = new Parameter([size], ones);
    this.bias = options.bias === false ? null : new Parameter([size], zeros);
  }

  override forward(x: Tensor): Tensor {
    return layerNorm(x, this.weight, this.bias, this.eps);
  }
}

export class GELU extends Module {
  readonly approximate: 'none' | 'tanh';

  constructor(options: { approximate?: 'none' | 'tanh' } = {}) {
    super();
    this.approximate = options.approximate ?? 'none';
  }

  override forward(x: Tensor): Tensor {
    return gelu(x, this.approximate);
  }
}

export class ReLU extends Module {
  override forward(x: Tensor): Tensor {
    return relu(x);
  }
}

export class Sigmoid extends Module {
  override forward(x: Tensor): Tensor {
    return sigmoid(x);
  }
}
