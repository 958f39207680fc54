/** makemore 1: bigrams. */
import { join } from 'node:path';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { contexts } from '../../core/data/contexts.ts';
import { loadLines } from '../../core/data/load.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import { TorchGenerator } from '../../core/random/torch.ts';
import {
  count,
  countOf,
  distance,
  likelihood,
  pairs,
  probabilities,
  type Table,
} from '../../models/bigram/counting.ts';
import { heatMap } from '../../models/bigram/heatMap.ts';
import { firstTable, lectureTraining, netProbabilities, type Trained, train } from '../../models/bigram/neural.ts';
import { sampleNames } from '../../models/bigram/sampling.ts';
import { allDigits, type Check, digits, fact, type Outcome, quick } from './check.ts';
import { SEED } from './notebook.ts';
import { dataDir, training } from './training.ts';

const command = 'manygrad lecture bigram --data names.txt';

interface Counted {
  readonly names: readonly string[];
  readonly vocabulary: Vocabulary;
  readonly counts: Table;
}

/** What every check of this section begins with, counted once. */
const counted = (): Promise<Counted> => {
  counting ??= countNames();
  return counting;
};

async function countNames(): Promise<Counted> {
  const { lines: names } = await loadLines(join(dataDir, 'names.txt'));
  const vocabulary = Vocabulary.fromLines(names);
  return { names, vocabulary, counts: count(names, vocabulary) };
}

/** The net after the lecture's training, which several checks look at. */
const net = (): Promise<Trained & { readonly rows: Table }> => {
  learning ??= learn();
  return learning;
};

async function learn(): Promise<Trained & { readonly rows: Table }> {
  const { names, vocabulary } = await counted();
  const backend = await createWasmBackend();
  const first = firstTable(vocabulary.vocabSize, new TorchGenerator(SEED));
  const trained = await train(backend, contexts(names, vocabulary, 1), first, lectureTraining);
  return { ...trained, rows: await netProbabilities(backend, trained.W) };
}

let counting: ReturnType<typeof countNames> | undefined;
let learning: ReturnType<typeof learn> | undefined;

/** A check that looks at the counts of names.txt. */
function ofCounts(
  id: string,
  what: string,
  lecture: string,
  see: (counted: Counted) => Outcome | Promise<Outcome>,
  seeds = '',
): Check {
  return quick(id, what, lecture, async () => see(await counted()), { needs: 'names.txt', command, seeds });
}

/** Of some words, in models of counts with so much added to each. */
const lossOf = ({ vocabulary, counts }: Counted, words: readonly string[], smoothing: number): number =>
  likelihood(words, vocabulary, probabilities(counts, smoothing)).loss;

/** Five names from a table, and whether they are the lecture's. */
function namesFrom(rows: Table, vocabulary: Vocabulary, expected: string): Outcome {
  const drawn = sampleNames(5, rows, vocabulary, new TorchGenerator(SEED)).map((name) => `${name}.`);
  return fact(drawn.join(' '), drawn.join(' ') === expected);
}

const BY_COUNTING = 'mor. axx. minaymoryles. kondlaisah. anchshizarie.';
const BY_NET = 'mor. axx. minaymoryles. kondlaisah. anchthizarie.';
/** The most that net and counts may be apart, in the mean, in what they say of the next character. */
const NEAR = 0.02;

export const section2: readonly Check[] = [
  ofCounts(
    '2-counts',
    'bigrams; the first counts of row "."; of m., aj, bh, bg',
    '228,146, 0, 4,410, 1,306, 1,542, 516, 175, 41, 0',
    ({ names, vocabulary, counts }) => {
      const { bigrams } = likelihood(names, vocabulary, probabilities(counts));
      const some = ['m.', 'aj', 'bh', 'bg'].map((pair) => countOf(pair, counts, vocabulary));
      return allDigits('228,146, 0, 4,410, 1,306, 1,542, 516, 175, 41, 0', [
        bigrams,
        ...counts[0].slice(0, 4),
        ...some,
      ]);
    },
  ),
  ofCounts('2-rare', 'counts of qr and dz', '1, 1', ({ vocabulary, counts }) =>
    allDigits(
      '1, 1',
      ['qr', 'dz'].map((pair) => countOf(pair, counts, vocabulary)),
    ),
  ),
  ofCounts(
    '2-heat-map',
    'the heat map of the counts: cells, each with its pair and count',
    '27 × 27',
    ({ vocabulary, counts }) => {
      const svg = heatMap(counts, vocabulary.symbols);
      const cells = svg.match(/<rect /g)?.length ?? 0;
      const pair = />an<\/text><text[^>]*>5438</.test(svg);
      return fact(`${Math.sqrt(cells)} × ${cells / Math.sqrt(cells)}`, cells === 27 * 27 && pair);
    },
  ),
  ofCounts('2-rows', 'the probabilities of each row: their sum furthest from 1', '1', ({ counts }) => {
    const furthest = (rows: Table) => Math.max(...rows.map((row) => Math.abs(row.reduce((a, b) => a + b, 0) - 1)));
    const off = Math.max(furthest(probabilities(counts)), furthest(probabilities(counts, 1)));
    return fact(`1 ± ${off.toExponential(0)}`, off < 1e-12, { off });
  }),
  ofCounts(
    '2-names',
    'five names drawn from the counts, each count one more',
    BY_COUNTING,
    ({ vocabulary, counts }) => namesFrom(probabilities(counts, 1), vocabulary, BY_COUNTING),
    `${SEED}`,
  ),
  ofCounts(
    '2-three',
    'log-likelihood of the first three names, and their bigrams',
    '−38.7856, 16',
    ({ names, vocabulary, counts }) => {
      const { log, bigrams } = likelihood(names.slice(0, 3), vocabulary, probabilities(counts));
      return allDigits('−38.7856, 16', [log, bigrams]);
    },
  ),
  ofCounts(
    '2-pairs',
    'the table of pairs, probabilities and their logarithms of "emma", "olivia", "ava": rows, and the sum of the logarithms',
    '16, −38.7856',
    ({ names, vocabulary, counts }) => {
      const rows = pairs(names.slice(0, 3), vocabulary, probabilities(counts));
      const together = allDigits('16, −38.7856', [rows.length, rows.reduce((sum, { log }) => sum + log, 0)]);
      const asLogs = rows.every(({ probability, log }) => Math.abs(Math.exp(log) - probability) < 1e-12);
      const shown = rows.map(({ pair }) => pair).join(' ');
      return fact(
        together.ours,
        together.holds && asLogs && shown === '.e em mm ma a. .o ol li iv vi ia a. .a av va a.',
      );
    },
  ),
  ofCounts(
    '2-likelihood',
    'negative log-likelihood of all names, and of a bigram',
    '559,873.59, 2.454014',
    ({ names, vocabulary, counts }) => {
      const { log, loss } = likelihood(names, vocabulary, probabilities(counts));
      return allDigits('559,873.59, 2.454014', [-log, loss]);
    },
  ),
  ofCounts('2-smoothed', 'the same of a bigram, with one added to every count', '2.454577', (c) =>
    digits('2.454577', lossOf(c, c.names, 1)),
  ),
  ofCounts('2-andrejq', 'the loss of "andrejq" without smoothing, and with', 'infinite, finite', (c) => {
    const [plain, smoothed] = [0, 1].map((k) => lossOf(c, ['andrejq'], k));
    return fact(`${plain}, ${smoothed.toFixed(4)}`, plain === Number.POSITIVE_INFINITY && Number.isFinite(smoothed));
  }),
  ofCounts(
    '2-emma',
    'the net on "emma", 5 bigrams: the loss, and after one step at 0.1',
    '3.7693, 3.7492',
    async ({ vocabulary }) => {
      const emma = contexts(['emma'], vocabulary, 1);
      const first = firstTable(vocabulary.vocabSize, new TorchGenerator(SEED));
      const options = { rate: 0.1, steps: 2, regularisation: 0 };
      const { losses } = await train(await createWasmBackend(), emma, first, options);
      return allDigits('3.7693, 3.7492', losses);
    },
    `${SEED}`,
  ),
  ofCounts(
    '2-net',
    'the net on all bigrams at once, rate 50, 0.01 of the mean of W² added: losses at steps 0, 99, 199',
    '3.7686, 2.4901, 2.4830',
    async () => {
      const { losses } = await net();
      return allDigits(
        '3.7686, 2.4901, 2.4830',
        [0, 99, 199].map((step) => losses[step]),
      );
    },
    `${SEED}`,
  ),
  ofCounts(
    '2-net-names',
    'five names drawn from the trained net (300 steps)',
    BY_NET,
    async ({ vocabulary }) => namesFrom((await net()).rows, vocabulary, BY_NET),
    `${SEED}`,
  ),
  ofCounts(
    '2-net-counts',
    'what net and counts say of the next character: total variation, in the mean over all bigrams',
    'the same but for smoothing',
    async ({ counts }) => {
      const apart = distance(counts, probabilities(counts, 1), (await net()).rows);
      return fact(`${(100 * apart).toFixed(1)} %`, apart < NEAR, { apart });
    },
    `${SEED}`,
  ),
  training({
    id: '2-preset',
    what: 'the preset, 1,000 steps of 4,096 examples, on any number of workers (the lecture: all names, all at once)',
    lecture: { train: [2.454, 2.4546], val: [2.45, 2.46] },
    within: 0.005,
    seeds: [SEED, 1, 2],
    data: 'names.txt',
    args: ['names-bigram'],
    quick: true,
  }),
];
