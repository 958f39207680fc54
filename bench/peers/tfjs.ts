/**
 * TensorFlow.js on its WASM backend (SIMD, one thread): a training step by its own operations and its own gradients.
 *
 * At its best, which takes two detours. Its WASM matrix product is an order of magnitude slower where an operand is to be
 * taken transposed, as its gradients ask; `product` turns operands first. And the gradient of `gather` is missing from that
 * backend; `lookup` scatters instead.
 */
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm';
import type { Workload } from '../workloads.ts';
import { type Contender, firstParameters, fusedBy, isLinearMatrix, measurePeer, transposed } from './measurePeer.ts';

type Parameters = ReadonlyMap<string, tf.Variable>;
type Loss = (x: tf.Tensor, y: tf.Tensor) => tf.Scalar;

const EPS = 1e-5;

/** a·b of two matrices. */
function product(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const multiply = tf.customGrad((...args) => {
    const [left, right, save] = args as unknown as [tf.Tensor, tf.Tensor, tf.GradSaveFunc];
    save([left, right]);
    const gradFunc = (g: tf.Tensor, [l, r]: tf.Tensor[]) => [
      tf.matMul(g, tf.transpose(r as tf.Tensor)),
      tf.matMul(tf.transpose(l as tf.Tensor), g),
    ];
    return { value: tf.matMul(left, right), gradFunc };
  });
  return multiply(a, b);
}

/** Rows of a table by their ids: [...ids, columns]. */
function lookup(table: tf.Tensor, ids: tf.Tensor): tf.Tensor {
  const rows = tf.reshape(ids, [-1, 1]);
  const gather = tf.customGrad((t) => ({
    value: tf.gather(t as tf.Tensor, ids),
    gradFunc: (g: tf.Tensor) => tf.scatterND(rows, tf.reshape(g, [ids.size, -1]), table.shape as [number, number]),
  }));
  return gather(table);
}

function parameter(p: Parameters, name: string): tf.Variable {
  const found = p.get(name);
  if (found === undefined) throw new Error(`there is no parameter ${name}`);
  return found;
}

/** x·W + b over the last dimension, W [in, out]. */
function linear(p: Parameters, name: string, x: tf.Tensor, bias = true): tf.Tensor {
  const w = parameter(p, `${name}.weight`);
  const flat = product(tf.reshape(x, [-1, w.shape[0] as number]), w);
  const y = bias ? tf.add(flat, parameter(p, `${name}.bias`)) : flat;
  return tf.reshape(y, [...x.shape.slice(0, -1), w.shape[1] as number]);
}

function normalise(
  p: Parameters,
  name: string,
  x: tf.Tensor,
  axis: number,
): { y: tf.Tensor; mean: tf.Tensor; variance: tf.Tensor } {
  const { mean, variance } = tf.moments(x, axis, true);
  const scaled = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, EPS)));
  return { y: tf.add(tf.mul(scaled, parameter(p, `${name}.weight`)), parameter(p, `${name}.bias`)), mean, variance };
}

function crossEntropy(logits: tf.Tensor, y: tf.Tensor): tf.Scalar {
  const classes = logits.shape.at(-1) as number;
  const flat = tf.reshape(logits, [-1, classes]);
  return tf.losses.softmaxCrossEntropy(tf.oneHot(tf.reshape(y, [-1]) as tf.Tensor1D, classes), flat);
}

/** Batch norm's running mean and variance. */
class Running {
  readonly #kept = new Map<string, tf.Variable>();

  update(name: string, value: tf.Tensor): void {
    const before = this.#kept.get(name);
    if (before === undefined) this.#kept.set(name, tf.variable(value, false));
    else before.assign(tf.add(tf.mul(before, 0.9), tf.mul(value, 0.1)));
  }
}

/** makemore's network: each level fuses neighbours, then linear, batch norm, tanh. */
function characters(p: Parameters, fuse: readonly number[]): Loss {
  const running = new Running();
  return (x, y) => {
    let h = lookup(parameter(p, '0.weight'), x);
    for (const [level, by] of fuse.entries()) {
      const [n, t, c] = h.shape as [number, number, number];
      h = tf.reshape(h, [(n * t) / by, c * by]);
      const {
        y: scaled,
        mean,
        variance,
      } = normalise(p, `${3 + 4 * level}`, linear(p, `${2 + 4 * level}`, h, false), 0);
      running.update(`${level}.mean`, mean);
      running.update(`${level}.variance`, tf.mul(variance, (n * t) / by / ((n * t) / by - 1)));
      h = tf.reshape(tf.tanh(scaled), [n, t / by, -1]);
    }
    return crossEntropy(linear(p, `${1 + 4 * fuse.length}`, h), y);
  };
}

/** The tanh form. With a gradient of its own, since composed it would keep nine tensors for the backward pass. */
function gelu(x: tf.Tensor): tf.Tensor {
  const k = Math.sqrt(2 / Math.PI);
  const bent = (z: tf.Tensor) => tf.tanh(tf.mul(tf.add(tf.mul(tf.mul(tf.square(z), z), 0.044715), z), k));
  const activate = tf.customGrad((...args) => {
    const [z, save] = args as unknown as [tf.Tensor, tf.GradSaveFunc];
    save([z]);
    const gradFunc = (g: tf.Tensor, [saved]: tf.Tensor[]) => {
      const at = saved as tf.Tensor;
      const t = bent(at);
      const slope = tf.mul(tf.add(tf.mul(tf.square(at), 3 * 0.044715), 1), k);
      const curved = tf.mul(tf.mul(tf.sub(1, tf.square(t)), at), slope);
      return tf.mul(g, tf.mul(tf.add(tf.add(t, 1), curved), 0.5));
    };
    return { value: tf.mul(tf.mul(z, 0.5), tf.add(bent(z), 1)), gradFunc };
  });
  return activate(x);
}

function attention(p: Parameters, name: string, x: tf.Tensor, heads: number, mask: tf.Tensor): tf.Tensor {
  const [b, t, c] = x.shape as [number, number, number];
  const parts = tf.split(linear(p, `${name}.c_attn`, x), 3, 2);
  const [q, k, v] = parts.map((z) => tf.transpose(tf.reshape(z, [b, t, heads, c / heads]), [0, 2, 1, 3])) as [
    tf.Tensor,
    tf.Tensor,
    tf.Tensor,
  ];
  const scores = tf.add(tf.matMul(tf.mul(q, 1 / Math.sqrt(c / heads)), k, false, true), mask);
  const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
  return linear(p, `${name}.c_proj`, tf.reshape(mixed, [b, t, c]));
}

function transformer(p: Parameters, { layers, heads }: { layers: number; heads: number }, length: number): Loss {
  const mask = tf.tensor2d(
    Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0)),
    [length, length],
  );
  return (x, y) => {
    const wte = parameter(p, 'wte.weight');
    const block = (into: tf.Tensor, i: number) =>
      tf.tidy(() => {
        const h = tf.add(into, attention(p, `h.${i}.attn`, normalise(p, `h.${i}.ln_1`, into, -1).y, heads, mask));
        const up = gelu(linear(p, `h.${i}.mlp.c_fc`, normalise(p, `h.${i}.ln_2`, h, -1).y));
        return tf.add(h, linear(p, `h.${i}.mlp.c_proj`, up));
      });
    let h = tf.add(lookup(wte, x), tf.slice(parameter(p, 'wpe.weight'), 0, length));
    for (let i = 0; i < layers; i++) {
      h = block(h, i);
    }
    const out = normalise(p, 'ln_f', h, -1).y;
    return crossEntropy(product(tf.reshape(out, [-1, wte.shape[1] as number]), tf.transpose(wte)), y);
  };
}

type Update = (grads: tf.NamedTensorMap) => void;

/** AdamW behind clipping by the global norm, in tensor operations: the library's Adam decays no weights. */
function adamw({ optimizer, lr, clipGradNorm }: Workload, variables: readonly tf.Variable[]): Update {
  if (optimizer.name !== 'adamw') throw new Error('this workload has another optimizer');
  const { beta1, beta2, eps, weightDecay } = optimizer;
  const state = variables.map((v) => ({
    v,
    m: tf.variable(tf.zerosLike(v), false),
    s: tf.variable(tf.zerosLike(v), false),
  }));
  let t = 0;
  return (grads) =>
    tf.tidy(() => {
      t++;
      const gradients = variables.map((v) => grads[v.name] as tf.Tensor);
      const norm = tf.sqrt(tf.addN(gradients.map((g) => tf.sum(tf.square(g)))));
      const factor = clipGradNorm === null ? tf.scalar(1) : tf.minimum(tf.div(clipGradNorm, tf.add(norm, 1e-6)), 1);
      const [root, size] = [Math.sqrt(1 - beta2 ** t), lr / (1 - beta1 ** t)];
      for (const [i, { v, m, s }] of state.entries())
        tf.tidy(() => {
          const g = tf.mul(gradients[i] as tf.Tensor, factor);
          m.assign(tf.add(tf.mul(m, beta1), tf.mul(g, 1 - beta1)));
          s.assign(tf.add(tf.mul(s, beta2), tf.mul(tf.square(g), 1 - beta2)));
          const step = tf.div(tf.mul(m, size), tf.add(tf.div(tf.sqrt(s), root), eps));
          v.assign(tf.sub(tf.mul(v, 1 - lr * weightDecay), step));
        });
    });
}

function sgd({ lr }: Workload): Update {
  const optimizer = tf.train.sgd(lr);
  return (grads) => optimizer.applyGradients(grads);
}

async function create(workload: Workload): Promise<Contender> {
  setThreadsCount(1);
  await tf.setBackend('wasm');
  const p: Parameters = new Map(
    firstParameters(workload).map((values) => {
      const { name, data, shape } = values;
      const [rows = 0, columns = 0] = shape;
      if (!isLinearMatrix(values)) return [name, tf.variable(tf.tensor(data, [...shape]))];
      return [name, tf.variable(tf.tensor(transposed(data, rows, columns), [columns, rows]))];
    }),
  );
  const variables = [...p.values()];
  const { model, batch, block } = workload;
  const loss = model.name === 'gpt' ? transformer(p, model, block) : characters(p, fusedBy(workload));
  const update = workload.optimizer.name === 'sgd' ? sgd(workload) : adamw(workload, variables);
  const step = (ids: Uint16Array, targets: Uint16Array) =>
    tf.tidy(() => {
      const x = tf.tensor(Int32Array.from(ids), [batch, block], 'int32');
      const y = tf.tensor(Int32Array.from(targets), [targets.length], 'int32');
      const { value, grads } = tf.variableGrads(() => loss(x, y), variables);
      update(grads);
      return value.dataSync()[0] as number;
    });
  return { version: tf.version_core, parameters: variables.reduce((n, v) => n + v.size, 0), step: sayingMemory(step) };
}

/** Out of memory, the backend says no more than that it has aborted. */
function sayingMemory(step: (x: Uint16Array, y: Uint16Array) => number): (x: Uint16Array, y: Uint16Array) => number {
  return (x, y) => {
    try {
      return step(x, y);
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
      const { wasm } = tf.backend() as unknown as { wasm: { HEAPU8: Uint8Array } };
      const gigabytes = (wasm.HEAPU8.length / 1e9).toFixed(1);
      throw new Error(`${cause.message} Its memory had grown to ${gigabytes} GB of the 4.3 that WASM has.`, { cause });
    }
  };
}

await measurePeer(create);
