/** Let's build GPT: the data, four ways to average, attention's scale, the first loss, and contexts longer than the block. */
import { join } from 'node:path';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { loadText } from '../../core/data/load.ts';
import { splitTokens } from '../../core/data/split.ts';
import { Site, Stream } from '../../core/random/streams.ts';
import {
  div,
  intTensor,
  maskedFill,
  matmul,
  mul,
  scaledDotProductAttention,
  softmax,
  sum,
  type Tensor,
  tensor,
  transpose,
} from '../../core/tensor/index.ts';
import { CharacterTokenizer } from '../../core/tokenizer/character.ts';
import { type Check, digits, fact, quick } from './check.ts';
import { dataDir, quoted, scratch, stepLosses, train } from './training.ts';

const [B, T, C] = [4, 8, 32] as const;

const below = Float32Array.from({ length: T * T }, (_, i) => (i % T <= Math.floor(i / T) ? 1 : 0));

/** The mean of all that came before, at each place: by loops, by a matrix, by a masked softmax, by attention. */
async function averages(): Promise<number> {
  const backend = await createWasmBackend();
  const values = new Stream(1337, Site.sample).normals(B * T * C);
  const x = tensor(backend, values, [B, T, C]);
  const loops = new Float32Array(B * T * C);
  for (let b = 0; b < B; b++)
    for (let t = 0; t < T; t++)
      for (let c = 0; c < C; c++) {
        let total = 0;
        for (let s = 0; s <= t; s++) total += values[(b * T + s) * C + c] as number;
        loops[(b * T + t) * C + c] = total / (t + 1);
      }
  const tril = tensor(backend, below, [T, T]);
  const weights = div(tril, sum(tril, { dim: 1, keepdim: true }));
  const future = intTensor(
    backend,
    Int32Array.from(below, (v) => 1 - v),
    [T, T],
  );
  const zeros = tensor(backend, new Float32Array(T * T), [T, T]);
  const masked = softmax(maskedFill(zeros, future, Number.NEGATIVE_INFINITY));
  // Queries of nothing: all scores are equal.
  const none = tensor(backend, new Float32Array(B * T * C), [B, T, C]);
  const others: Tensor[] = [
    matmul(weights, x),
    matmul(masked, x),
    scaledDotProductAttention(none, x, x, { isCausal: true }),
  ];
  let furthest = 0;
  for (const other of others)
    for (const [i, v] of Array.from(await other.read()).entries())
      furthest = Math.max(furthest, Math.abs(v - (loops[i] as number)));
  return furthest;
}

/** The variance of attention's scores of normal queries and keys, unscaled and scaled. */
async function scoreVariances(headSize: number): Promise<[number, number]> {
  const backend = await createWasmBackend();
  const n = 256;
  const draw = (step: number) =>
    tensor(backend, new Stream(1337, Site.sample, step).normals(n * headSize), [n, headSize]);
  const scores = matmul(draw(0), transpose(draw(1), 0, 1));
  const variance = async (t: Tensor) => {
    const values = Array.from(await t.read());
    const mean = values.reduce((a, v) => a + v, 0) / values.length;
    return values.reduce((a, v) => a + (v - mean) ** 2, 0) / values.length;
  };
  return [await variance(scores), await variance(mul(scores, headSize ** -0.5))];
}

const FIRST = ['text-gpt', '--steps', '1'];

export const section7Attention: readonly Check[] = [
  quick(
    '7-vocabulary',
    'distinct characters',
    '65',
    async () =>
      digits('65', CharacterTokenizer.fromText((await loadText(join(dataDir, 'tinyshakespeare.txt'))).text).vocabSize),
    { needs: 'tinyshakespeare.txt' },
  ),
  quick(
    '7-round-trip',
    '"hii there", encoded and decoded',
    '46, 47, 47, 1, 58, 46, 43, 56, 43',
    async () => {
      const vocabulary = CharacterTokenizer.fromText((await loadText(join(dataDir, 'tinyshakespeare.txt'))).text);
      const ids = vocabulary.encode('hii there');
      const ours = ids.join(', ');
      return fact(ours, ours === '46, 47, 47, 1, 58, 46, 43, 56, 43' && vocabulary.decode(ids) === 'hii there');
    },
    { needs: 'tinyshakespeare.txt' },
  ),
  quick(
    '7-split',
    'characters to train and validate on',
    '90 / 10 %',
    async () => {
      const { text } = await loadText(join(dataDir, 'tinyshakespeare.txt'));
      const { train: most, val } = splitTokens(
        Uint16Array.from(CharacterTokenizer.fromText(text).encode(text)),
        8,
        'tiny Shakespeare',
      );
      const [a, b] = [most.length, val.length];
      return fact(`${a} / ${b}`, a === Math.floor(0.9 * text.length) && a + b === text.length);
    },
    { needs: 'tinyshakespeare.txt' },
  ),
  quick(
    '7-averages',
    'loop, triangular matmul, masked softmax, attention with uniform scores: largest difference',
    '< 1e-6',
    async () => {
      const furthest = await averages();
      return fact(furthest.toExponential(1), furthest < 1e-6);
    },
  ),
  quick('7-scale', 'variance of unscaled scores of head size 16, and scaled', '16, 1', async () => {
    const [unscaled, scaled] = await scoreVariances(16);
    return fact(
      `${unscaled.toFixed(2)}, ${scaled.toFixed(3)}`,
      Math.abs(unscaled / 16 - 1) < 0.05 && Math.abs(scaled - 1) < 0.05,
    );
  }),
  quick(
    '7-first-loss',
    'the transformer before training: the uniform guess',
    '4.17',
    async () => {
      const rest = [
        '--data',
        join(dataDir, 'tinyshakespeare.txt'),
        '--threads',
        '1',
        '--samples',
        '0',
        '--eval-every',
        '0',
      ];
      const [loss = Number.NaN] = stepLosses((await train(scratch(`7-first-loss`), [...FIRST, ...rest])).dir);
      return fact(loss.toFixed(3), Math.abs(loss - Math.log(65)) < 0.02);
    },
    {
      needs: 'tinyshakespeare.txt',
      seeds: '1337',
      command: `manygrad train ${FIRST.map(quoted).join(' ')} --data tinyshakespeare.txt`,
    },
  ),
];
