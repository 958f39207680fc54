/**
 * Neurons, layers and the multi-layer perceptron over micrograd's values, one number at a time, as in the lecture.
 * Not the layers that manygrad trains (`core/nn`).
 */
import { type Operand, sum, Value } from './value.ts';

/** Where first parameters come from; `PythonRandom` is one. */
export interface Uniform {
  uniform(a: number, b: number): number;
}

export type Nonlinearity = 'tanh' | 'relu' | 'linear';

/** What has parameters. */
abstract class Module {
  abstract parameters(): Value[];

  /** Gradients accumulate, so each step begins with this. Forgetting it is the lecture's own bug. */
  zeroGrad(): void {
    for (const p of this.parameters()) p.grad = 0;
  }
}

export interface NeuronOptions {
  /** Default: tanh. */
  readonly nonlinearity?: Nonlinearity;
  /** The lecture draws the bias like a weight (the default), micrograd's repository begins with 0. */
  readonly bias?: 'uniform' | 'zero';
}

/** act(w · x + b) */
export class Neuron extends Module {
  readonly w: readonly Value[];
  readonly b: Value;
  readonly #nonlinearity: Nonlinearity;

  /** Weights from −1 to 1, in order, then the bias. */
  constructor(inputs: number, rng: Uniform, { nonlinearity = 'tanh', bias = 'uniform' }: NeuronOptions = {}) {
    super();
    this.w = Array.from({ length: inputs }, () => new Value(rng.uniform(-1, 1)));
    this.b = new Value(bias === 'uniform' ? rng.uniform(-1, 1) : 0);
    this.#nonlinearity = nonlinearity;
  }

  /** @throws RangeError if there are not as many inputs as weights */
  forward(x: readonly Operand[]): Value {
    if (x.length !== this.w.length) {
      throw new RangeError(`a neuron with ${this.w.length} weights was given ${x.length} inputs.`);
    }
    const act = sum(
      this.w.map((w, i) => w.mul(x[i] ?? 0)),
      this.b,
    );
    switch (this.#nonlinearity) {
      case 'tanh':
        return act.tanh();
      case 'relu':
        return act.relu();
      case 'linear':
        return act;
      default:
        return this.#nonlinearity satisfies never;
    }
  }

  override parameters(): Value[] {
    return [...this.w, this.b];
  }
}

/** Neurons side by side, each fed the same. */
export class Layer extends Module {
  readonly neurons: readonly Neuron[];

  constructor(inputs: number, outputs: number, rng: Uniform, options: NeuronOptions = {}) {
    super();
    this.neurons = Array.from({ length: outputs }, () => new Neuron(inputs, rng, options));
  }

  forward(x: readonly Operand[]): Value[] {
    return this.neurons.map((neuron) => neuron.forward(x));
  }

  override parameters(): Value[] {
    return this.neurons.flatMap((neuron) => neuron.parameters());
  }
}

export interface MLPOptions extends NeuronOptions {
  /** Whether the last layer has no nonlinearity, so that its outputs are not bounded. Default: false. */
  readonly lastLinear?: boolean;
}

/** Layers one after the other: `new MLP(3, [4, 4, 1], rng)` has three inputs, two hidden layers of 4 and one output. */
export class MLP extends Module {
  readonly layers: readonly Layer[];

  constructor(inputs: number, outputs: readonly number[], rng: Uniform, options: MLPOptions = {}) {
    super();
    const { lastLinear = false, ...neuron } = options;
    this.layers = outputs.map((size, i) => {
      const last = i === outputs.length - 1;
      return new Layer(
        outputs[i - 1] ?? inputs,
        size,
        rng,
        last && lastLinear ? { ...neuron, nonlinearity: 'linear' } : neuron,
      );
    });
  }

  forward(x: readonly Operand[]): Value[] {
    let outputs = x.map(Value.of);
    for (const layer of this.layers) outputs = layer.forward(outputs);
    return outputs;
  }

  /** The one output of a network that has one. @throws RangeError if it has more or none */
  score(x: readonly Operand[]): Value {
    const [score, ...others] = this.forward(x);
    if (score === undefined || others.length > 0) throw new RangeError('score() is for a network with one output.');
    return score;
  }

  override parameters(): Value[] {
    return this.layers.flatMap((layer) => layer.parameters());
  }
}
