/**
 * jax-js on its WASM backend (one thread in Node, which has no `Worker`): a training step compiled as a whole by its `jit`,
 * gradients by its `valueAndGrad`. An operation takes its arguments over; `.ref` keeps one for later.
 */
import { readFileSync } from 'node:fs';
import { defaultDevice, init, jit, lax, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import type { Workload } from '../workloads.ts';
import { type Contender, firstParameters, fusedBy, isLinearMatrix, measurePeer, transposed } from './measurePeer.ts';

type Arrays = { [name: string]: np.Array };
/** Mean loss of a batch, and what batch norm has seen of it. Takes the batch over, not the parameters. */
type Loss = (p: Arrays, x: np.Array, y: np.Array) => [np.Array, Arrays];

const EPS = 1e-5;

function parameter(p: Arrays, name: string): np.Array {
  const found = p[name];
  if (found === undefined) throw new Error(`there is no parameter ${name}`);
  return found.ref;
}

/** x·W + b over the last dimension, W [in, out]. */
function linear(p: Arrays, name: string, x: np.Array, bias = true): np.Array {
  const leading = x.shape.slice(0, -1);
  const w = parameter(p, `${name}.weight`);
  const [inputs = 0, outputs = 0] = w.shape;
  const flat = np.dot(x.reshape([-1, inputs]), w);
  return (bias ? flat.add(parameter(p, `${name}.bias`)) : flat).reshape([...leading, outputs]);
}

function normalise(
  p: Arrays,
  name: string,
  x: np.Array,
  axis: number,
): { y: np.Array; mean: np.Array; variance: np.Array } {
  const mean = x.ref.mean(axis, { keepdims: true });
  const centred = x.sub(mean.ref);
  const variance = np.square(centred.ref).mean(axis, { keepdims: true });
  const scaled = centred.div(np.sqrt(variance.ref.add(EPS)));
  return { y: scaled.mul(parameter(p, `${name}.weight`)).add(parameter(p, `${name}.bias`)), mean, variance };
}

function layerNorm(p: Arrays, name: string, x: np.Array): np.Array {
  const { y, mean, variance } = normalise(p, name, x, -1);
  mean.dispose();
  variance.dispose();
  return y;
}

function crossEntropy(logits: np.Array, y: np.Array): np.Array {
  const classes = logits.shape.at(-1) as number;
  const likely = nn.logSoftmax(logits.reshape([-1, classes]), -1);
  return likely
    .mul(lax.stopGradient(nn.oneHot(y.reshape([-1]), classes)))
    .sum(-1)
    .mean()
    .neg();
}

/** Rows of a table by their ids, as jax-js's own demonstrations do it: its `jit` cannot compile the gradient of indexing. */
function lookup(table: np.Array, ids: np.Array): np.Array {
  return np.dot(lax.stopGradient(nn.oneHot(ids, table.shape[0] as number)), table);
}

/** makemore's network: each level fuses neighbours, then linear, batch norm, tanh. */
function characters(fuse: readonly number[]): Loss {
  return (p, x, y) => {
    const seen: Arrays = {};
    let h = lookup(parameter(p, '0.weight'), x);
    for (const [level, by] of fuse.entries()) {
      const [n, t, c] = h.shape as [number, number, number];
      const rows = (n * t) / by;
      h = linear(p, `${2 + 4 * level}`, h.reshape([rows, c * by]), false);
      const { y: scaled, mean, variance } = normalise(p, `${3 + 4 * level}`, h, 0);
      seen[`${level}.mean`] = mean;
      seen[`${level}.variance`] = variance.mul(rows / (rows - 1));
      h = np.tanh(scaled).reshape([n, t / by, -1]);
    }
    return [crossEntropy(linear(p, `${1 + 4 * fuse.length}`, h), y), seen];
  };
}

function attention(p: Arrays, name: string, x: np.Array, heads: number): np.Array {
  const [b, t, c] = x.shape as [number, number, number];
  const parts = np.split(linear(p, `${name}.c_attn`, x), 3, 2);
  const [q, k, v] = parts.map((z) => z.reshape([b, t, heads, c / heads])) as [np.Array, np.Array, np.Array];
  return linear(p, `${name}.c_proj`, nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([b, t, c]));
}

function transformer({ layers, heads }: { layers: number; heads: number }, block: number): Loss {
  return (p, x, y) => {
    let h = lookup(parameter(p, 'wte.weight'), x).add(parameter(p, 'wpe.weight').slice([0, block]));
    for (let i = 0; i < layers; i++) {
      h = h.ref.add(attention(p, `h.${i}.attn`, layerNorm(p, `h.${i}.ln_1`, h), heads));
      const up = nn.gelu(linear(p, `h.${i}.mlp.c_fc`, layerNorm(p, `h.${i}.ln_2`, h.ref)), { approximate: true });
      h = h.add(linear(p, `h.${i}.mlp.c_proj`, up));
    }
    const out = layerNorm(p, 'ln_f', h);
    const wte = parameter(p, 'wte.weight');
    return [crossEntropy(np.dot(out.reshape([-1, wte.shape[1] as number]), wte.transpose()), y), {}];
  };
}

/** All that changes from step to step. Running statistics are in `running`. */
type State = { params: Arrays; m: Arrays; s: Arrays; running: Arrays };
/** Of AdamW's step t: the root of its second correction, and its rate over the first. */
type Rates = { root: np.Array; size: np.Array };

function mapArrays(arrays: Arrays, change: (value: np.Array, name: string) => np.Array): Arrays {
  return Object.fromEntries(Object.entries(arrays).map(([name, value]) => [name, change(value, name)]));
}

function sgd(state: State, grads: Arrays, lr: number): State {
  return { ...state, params: mapArrays(state.params, (p, name) => p.sub(parameter(grads, name).mul(lr))) };
}

function adamw(state: State, grads: Arrays, { root, size }: Rates, { optimizer, lr, clipGradNorm }: Workload): State {
  if (optimizer.name !== 'adamw') throw new Error('this workload has another optimizer');
  const { beta1, beta2, eps, weightDecay } = optimizer;
  const squares = Object.values(grads).map((g) => np.square(g.ref).sum());
  const norm = np.sqrt(squares.reduce((a, b) => a.add(b)));
  const factor = clipGradNorm === null ? np.ones([]) : np.minimum(np.array(clipGradNorm).div(norm.add(1e-6)), 1);
  const clipped = mapArrays(grads, (g) => g.ref.mul(factor.ref));
  const m = mapArrays(state.m, (was, name) => was.mul(beta1).add(parameter(clipped, name).mul(1 - beta1)));
  const s = mapArrays(state.s, (was, name) => was.mul(beta2).add(np.square(parameter(clipped, name)).mul(1 - beta2)));
  const params = mapArrays(state.params, (p, name) => {
    const step = parameter(m, name)
      .mul(size.ref)
      .div(np.sqrt(parameter(s, name)).div(root.ref).add(eps));
    return p.mul(1 - lr * weightDecay).sub(step);
  });
  tree.dispose(clipped);
  factor.dispose();
  return { ...state, params, m, s };
}

/** The compiled step: takes over the state and the batch, gives the next state and the loss. */
function compile(workload: Workload) {
  const { model, block, lr } = workload;
  const loss = model.name === 'gpt' ? transformer(model, block) : characters(fusedBy(workload));
  const both = valueAndGrad(
    (p: Arrays, x: np.Array, y: np.Array): [np.Array, Arrays] => {
      const result = loss(p, x, y);
      tree.dispose(p);
      return result;
    },
    { hasAux: true },
  );
  return jit((state: State, x: np.Array, y: np.Array, rates: Rates): { state: State; value: np.Array } => {
    const [[value, seen], grads] = both(tree.ref(state.params), x, y);
    const running = mapArrays(state.running, (was, name) => was.mul(0.9).add(parameter(seen, name).mul(0.1)));
    const next = workload.optimizer.name === 'sgd' ? sgd(state, grads, lr) : adamw(state, grads, rates, workload);
    tree.dispose(seen);
    tree.dispose(grads);
    tree.dispose(rates);
    return { state: { ...next, running }, value };
  });
}

/** Batch norm's running means and variances. */
function firstStatistics(workload: Workload): Arrays {
  const running: Arrays = {};
  const { model } = workload;
  if (model.name === 'gpt') return running;
  for (const level of fusedBy(workload).keys()) {
    running[`${level}.mean`] = np.zeros([1, model.hidden]);
    running[`${level}.variance`] = np.ones([1, model.hidden]);
  }
  return running;
}

function firstState(workload: Workload): State {
  const given = firstParameters(workload);
  const params: Arrays = {};
  for (const values of given) {
    const { name, data, shape } = values;
    const [rows = 0, columns = 0] = shape;
    params[name] = isLinearMatrix(values)
      ? np.array(transposed(data, rows, columns), { shape: [columns, rows] })
      : np.array(new Float32Array(data), { shape: [...shape] });
  }
  const zeros = () => (workload.optimizer.name === 'sgd' ? {} : mapArrays(params, (p) => np.zeros(p.shape)));
  return { params, m: zeros(), s: zeros(), running: firstStatistics(workload) };
}

async function create(workload: Workload): Promise<Contender> {
  await init('wasm');
  defaultDevice('wasm');
  const compiled = compile(workload);
  let state = firstState(workload);
  const parameters = Object.values(state.params).reduce((n, p) => n + p.size, 0);
  const { batch, block, lr, optimizer } = workload;
  let t = 0;
  const step = async (ids: Uint16Array, targets: Uint16Array) => {
    t++;
    const [beta1, beta2] = optimizer.name === 'adamw' ? [optimizer.beta1, optimizer.beta2] : [0, 0];
    const rates = { root: np.array(Math.sqrt(1 - beta2 ** t)), size: np.array(lr / (1 - beta1 ** t)) };
    const x = np.array(Int32Array.from(ids), { shape: [batch, block], dtype: np.int32 });
    const y = np.array(Int32Array.from(targets), { dtype: np.int32 });
    const result = compiled(state, x, y, rates);
    state = result.state;
    const [loss] = await result.value.data();
    return loss as number;
  };
  const { version } = JSON.parse(
    readFileSync(new URL('node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
  );
  return { version, parameters, step };
}

await measurePeer(create);
