/**
 * What each head of a trained transformer attends to, on a short context that the model has written itself.
 *
 * Our GPT's attention is fused and stores no weights: they are made again here from queries and keys. Of models in the
 * lecture's manner, whose modules named AttentionWeights give them, they are read off.
 */
import { BOUNDARY_ID } from '../../core/data/vocabulary.ts';
import { type Module, watchForward } from '../../core/nn/index.ts';
import { intTensor, noGrad, type Tensor } from '../../core/tensor/index.ts';
import { symbolOf } from '../../core/tokenizer/symbol.ts';
import { dataKind } from '../../models/recipe.ts';
import { sample } from '../../models/sample.ts';
import type { TrainedModel } from '../../models/trained.ts';
import type { Attention, AttentionMap } from './report.ts';

/** Positions of the context. */
const MAX_POSITIONS = 32;
const SEED = 42;

/** The output of a module that weights are made of: what it is to be taken for. */
type Kind = { readonly kind: 'weights' } | { readonly kind: 'qkv'; readonly heads: number };

/** The maps of all heads; null if the model has none that can be seen. */
export async function attentionMaps(trained: TrainedModel): Promise<Attention | null> {
  const kinds = sources(trained.model);
  if (kinds.size === 0) return null;
  const { model, backend, tokenizer } = trained;
  const ids = await context(trained);
  const seen: { readonly name: string; readonly kind: Kind; readonly output: Tensor }[] = [];
  const unwatch = watchForward(model, (name, _, output) => {
    const kind = kinds.get(name);
    if (kind !== undefined) seen.push({ name, kind, output });
  });
  const mark = backend.mark();
  try {
    noGrad(() => model.forward(intTensor(backend, ids, [1, ids.length])));
    const maps: AttentionMap[] = [];
    for (const { name, kind, output } of seen) {
      const values = await output.read();
      const heads =
        kind.kind === 'qkv'
          ? causalWeights(values, ids.length, kind.heads)
          : squares(values, output.shape.at(-1) ?? 0, output.shape.at(-2) ?? 0);
      const { layer, within } = place(name);
      for (const [i, weights] of heads.entries())
        maps.push({
          layer,
          head: [...within, ...(heads.length > 1 ? [`head ${i + 1}`] : [])].join(' ') || 'head',
          weights,
        });
    }
    return { context: [...ids].map((id) => symbolOf(tokenizer, id)), maps: numbered(maps) };
  } finally {
    unwatch();
    backend.release(mark);
  }
}

/** The modules whose output says who attends to whom, by name. */
function sources(model: Module): Map<string, Kind> {
  const found = new Map<string, Kind>();
  const modules = new Map(model.namedModules());
  for (const [name, module] of modules) {
    // A bundler may put a _ before a class's name, or a number after it.
    if (/^_*AttentionWeights\d*$/.test(module.constructor.name)) found.set(name, { kind: 'weights' });
    const heads = 'heads' in module && typeof module.heads === 'number' ? module.heads : 0;
    const projection = name === '' ? 'c_attn' : `${name}.c_attn`;
    if (heads > 0 && modules.has(projection)) found.set(projection, { kind: 'qkv', heads });
  }
  return found;
}

/** What the model writes when it is asked for nothing in particular. */
async function context(trained: TrainedModel): Promise<Uint16Array> {
  const { recipe, tokenizer } = trained;
  const { blockSize } = recipe.model;
  const isText = dataKind(recipe) === 'text';
  const length = isText ? Math.min(blockSize, MAX_POSITIONS) : blockSize;
  let text = '';
  for await (const drawn of sample(trained, { count: 1, seed: SEED, temperature: 1, prompt: '', length })) text = drawn;
  const ids = Uint16Array.from(tokenizer.encode(text, 'none').subarray(0, length));
  if (isText) return ids;
  // A model of lines is given a whole context, filled up before the line.
  const filled = new Uint16Array(blockSize).fill(BOUNDARY_ID);
  filled.set(ids, blockSize - ids.length);
  return filled;
}

/** softmax(q·kᵀ/√dim) of every head of a projection [1, T, 3·C], each position seeing itself and those before it. */
export function causalWeights(qkv: ArrayLike<number>, positions: number, heads: number): number[][][] {
  const width = qkv.length / positions;
  const channels = width / 3;
  const dim = channels / heads;
  const score = (head: number, i: number, j: number): number => {
    let total = 0;
    for (let d = head * dim; d < (head + 1) * dim; d++)
      total += (qkv[i * width + d] ?? 0) * (qkv[j * width + channels + d] ?? 0);
    return total / Math.sqrt(dim);
  };
  const at = Array.from({ length: positions }, (_, i) => i);
  return Array.from({ length: heads }, (_, head) =>
    at.map((i) => softmax(at.map((j) => (j <= i ? score(head, i, j) : Number.NEGATIVE_INFINITY)))),
  );
}

function softmax(scores: readonly number[]): number[] {
  const most = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - most));
  const total = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / total);
}

/** [..., rows, columns] as matrices. */
function squares(values: ArrayLike<number>, columns: number, rows: number): number[][][] {
  const all = Array.from(values);
  return Array.from({ length: all.length / (rows * columns) }, (_, m) =>
    Array.from({ length: rows }, (_, i) => all.slice((m * rows + i) * columns, (m * rows + i + 1) * columns)),
  );
}

/** The layer that a module belongs to, by the first number in its name: `blocks.2.sa.heads.0.weights` is in `blocks.2`. */
function place(name: string): { readonly layer: string; readonly within: readonly string[] } {
  const path = name.split('.');
  const first = path.findIndex((part) => /^\d+$/.test(part));
  if (first < 0) return { layer: 'attention', within: [] };
  const number = path.slice(first + 1).find((part) => /^\d+$/.test(part));
  return {
    layer: path.slice(0, first + 1).join('.'),
    within: number === undefined ? [] : [`head ${Number(number) + 1}`],
  };
}

/** Heads that have the same name in their layer are counted. */
function numbered(maps: readonly AttentionMap[]): AttentionMap[] {
  return maps.map((map, i) => {
    const same = ({ layer, head }: AttentionMap) => layer === map.layer && head === map.head;
    if (maps.filter(same).length === 1) return map;
    return { ...map, head: `head ${maps.slice(0, i + 1).filter(same).length}` };
  });
}
