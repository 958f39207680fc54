/** Let's build GPT: the large network, of which the first steps are trained; and text that is longer than the context. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { initialise } from '../../core/nn/index.ts';
import { buildModel } from '../../models/model.ts';
import { presetRecipe } from '../../models/presets.ts';
import { sample } from '../../models/sample.ts';
import { trainedModel } from '../../models/trained.ts';
import { type Check, fact, quick } from './check.ts';
import { dataDir, manygrad, quoted, stepLosses, train } from './training.ts';

const SIZES = 'rung: layer-norm, blockSize: 256, layers: 6, heads: 6, embeddingDim: 384, dropout: 0.2';
const STEPS = 300;
const large = [
  ...['text-gpt', '--set', `model={name: gpt-ladder, ${SIZES}}`, '--set', 'batch=8', '--set', 'microBatch=4'],
  ...['--set', 'schedule={name: constant, lr: 0.0003}', '--steps', `${STEPS}`, '--seed', '1337'],
];

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;

/** What an untrained network of context 8, its weights made large so that it has opinions, writes after a prompt. */
async function written(prompt: string): Promise<string> {
  const recipe = presetRecipe('text-gpt');
  const model = {
    name: 'gpt-ladder',
    rung: 'layer-norm',
    blockSize: 8,
    layers: 1,
    heads: 2,
    embeddingDim: 16,
  } as const;
  const small = { ...recipe, model: { ...model, dropout: 0 }, data: { ...recipe.data, vocab: 'abcdefghij\n' } };
  const { params, buffers } = initialise(buildModel({ ...small.model, vocabSize: 11 }), 1337);
  const values = { params: params.map((v) => 5 * v), buffers };
  const trained = trainedModel(small, values, await createWasmBackend());
  for await (const text of sample(trained, { count: 1, seed: 1337, temperature: 1, prompt, length: 40 })) return text;
  return '';
}

export const section7Large: readonly Check[] = [
  quick(
    '7-crop',
    'generating past the context: only its last 8 characters count',
    'cropped',
    async () => {
      const [before, seen] = ['jihgfedcbaabcdefghij', 'abbacddc'];
      const [long, short, other] = await Promise.all([before + seen, seen, `${seen.slice(1)}j`].map(written));
      const [after, alone] = [long?.slice(before.length + seen.length), short?.slice(seen.length)];
      return fact(
        `the same 40 characters after ${before.length + seen.length} characters as after the last ${seen.length}`,
        after === alone && after?.length === 40 && other?.slice(seen.length) !== alone,
      );
    },
    { seeds: '1337' },
  ),
  {
    ...quick('7-large', '', '', () => fact('', false)),
    what: `6 layers × 6 heads × 384, context 256, dropout 0.2: parameters, and the loss of the first ${STEPS} steps (8 windows each, the lecture has 64)`,
    lecture: '10,788,929; 1.48 after 5,000',
    quick: false,
    needs: 'tinyshakespeare.txt',
    seeds: '1337',
    command: `manygrad train ${large.map(quoted).join(' ')} --data tinyshakespeare.txt`,
    run: async () => {
      const rest = [
        '--data',
        join(dataDir, 'tinyshakespeare.txt'),
        '--threads',
        '2',
        '--samples',
        '0',
        '--eval-every',
        '0',
      ];
      const { dir, summary } = await train('7-large', [...large, ...rest]);
      const losses = stepLosses(dir);
      const [first, last] = [losses[0] ?? Number.NaN, mean(losses.slice(-20))];
      await manygrad(['report', dir, '--quiet']);
      const curve = readFileSync(join(dir, 'report.html'), 'utf8').includes('Loss');
      return fact(
        `${summary.parameters.toLocaleString('en')}; ${first.toFixed(2)} → ${last.toFixed(2)}, validation ${summary.valLoss?.toFixed(2)}`,
        summary.parameters === 10_788_929 && losses.length === STEPS && first < 4.6 && last < 2.5 && curve,
        { last },
      );
    },
  },
];
