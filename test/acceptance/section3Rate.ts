/** makemore 2: the search for a learning rate. */
import { join } from 'node:path';
import * as z from 'zod';
import { type Check, fact, quick } from './check.ts';
import { SEED } from './notebook.ts';
import { dataDir, manygrad, quoted, runsDir, scratch } from './training.ts';

/** The network of that lecture as it was then: two dimensions, 100 hidden units, drawn as it comes. */
const search = [
  ...['names-mlp', '--set', 'model={name: mlp, blockSize: 3, embeddingDim: 2, hidden: 100, stage: naive}'],
  ...['--set', 'random=notebook', '--set', 'batch=32', '--set', 'microBatch=32', '--seed', `${SEED}`],
  ...['--steps', '1000', '--from', '0.001', '--to', '1'],
];

const foundSchema = z.object({ event: z.literal('lr-find'), rates: z.array(z.number()), valley: z.number() });

export const section3Rate: readonly Check[] = [
  quick(
    '3-lr-find',
    '1,000 steps at rates from 10^-3 to 1: the rate of the lowest loss (smoothed)',
    'near 10^-1',
    async () => {
      // A folder of its own each time: a search takes a second.
      const out = join(runsDir, scratch(`3-lr-find-${Date.now()}`));
      const rest = ['--data', join(dataDir, 'names.txt'), '--threads', '1', '--out', out, '--json'];
      const lines = (await manygrad(['lr-find', ...search, ...rest])).trimEnd().split('\n');
      const { rates, valley } = foundSchema.parse(JSON.parse(lines.at(-1) ?? ''));
      const exponent = Math.log10(valley);
      return fact(`10^${exponent.toFixed(2)}`, rates.length === 1000 && exponent > -1.5 && exponent < -0.5, { valley });
    },
    {
      needs: 'names.txt',
      seeds: `${SEED}`,
      command: `manygrad lr-find ${search.map(quoted).join(' ')} --data names.txt`,
    },
  ),
];
