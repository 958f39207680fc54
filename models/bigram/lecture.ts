/**
 * `manygrad lecture bigram`: makemore part 1 told step by step, in its order. What is told is computed in the files beside
 * this one; here are only the words.
 */
import type { Backend } from '../../core/backend/backend.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { contexts } from '../../core/data/contexts.ts';
import { Vocabulary } from '../../core/data/vocabulary.ts';
import { UserError } from '../../core/errors.ts';
import { integer } from '../../core/page/format.ts';
import { TorchGenerator } from '../../core/random/torch.ts';
import type { LectureContext } from '../lecture.ts';
import { count, distance, likelihood, pairs, probabilities, type Table } from './counting.ts';
import { heatMap } from './heatMap.ts';
import { firstTable, LECTURE_SEED, lectureTraining, netProbabilities, train } from './neural.ts';
import { sampleNames } from './sampling.ts';

const SAMPLES = 5;
/** Beyond this many characters a table of pairs is no picture, and learned but slowly. */
const MAX_CHARACTERS = 128;
/** A name with a pair, jq, that no name of the lecture's has. */
const UNSEEN = 'andrejq';

/** What the parts of the lecture have in common. */
interface Setting extends LectureContext {
  readonly names: readonly string[];
  readonly vocabulary: Vocabulary;
  readonly counts: Table;
}

export async function lecture(context: LectureContext): Promise<void> {
  const names = await context.lines();
  const vocabulary = Vocabulary.fromLines(names);
  if (vocabulary.vocabSize > MAX_CHARACTERS)
    throw new UserError(
      `these lines have ${vocabulary.vocabSize - 1} different characters, too many for a table of pairs: give names with --data.`,
    );
  const setting: Setting = { ...context, names, vocabulary, counts: count(names, vocabulary) };
  counting(setting);
  sampling(setting);
  likelihoods(setting);
  smoothing(setting);
  const backend = await createWasmBackend();
  await oneName(setting, backend);
  await allNames(setting, backend);
}

function counting({ say, file, names, vocabulary: { symbols }, counts }: Setting): void {
  say(
    `1. How often does each character follow each? Counted in ${integer(names.length)} names, "." for beginning and end`,
  );
  const all = counts.flatMap((row, r) => Array.from(row, (n, c) => ({ pair: `${symbols[r]}${symbols[c]}`, n })));
  const most = all.sort((a, b) => b.n - a.n).slice(0, 5);
  const never = all.filter(({ n }) => n === 0).length;
  say(`Most often: ${most.map(({ pair, n }) => `${pair} ${integer(n)}`).join(', ')}; ${never} pairs never.`);
  file('counts.svg', heatMap(counts, symbols));
  say('');
}

function sampling({ say, vocabulary, counts }: Setting): void {
  say('2. Names drawn from the counts, each count one more, and from nothing known at all');
  say(drawn(probabilities(counts, 1), vocabulary));
  const ignorant = counts.map((row) => row.map(() => 1 / row.length));
  say(`${drawn(ignorant, vocabulary)}\n`);
}

function likelihoods({ say, names, vocabulary, counts }: Setting): void {
  say('3. How good is the model? The pairs of the first three names, their probabilities and the logarithms of these');
  const model = probabilities(counts);
  const first = names.slice(0, 3);
  for (const { pair, probability, log } of pairs(first, vocabulary, model))
    say(`${pair}  ${fixed(probability)}  ${fixed(log).padStart(8)}`);
  const few = likelihood(first, vocabulary, model);
  say(`Log-likelihood of ${first.join(', ')}: ${fixed(few.log)} over ${few.bigrams} bigrams, ${fixed(few.loss)} each.`);
  const all = likelihood(names, vocabulary, model);
  say(
    `Of all names, negative: ${total(-all.log)} over ${integer(all.bigrams)} bigrams, ${all.loss.toFixed(6)} each: the loss.`,
  );
  const size = vocabulary.vocabSize;
  say(`With all ${size} characters as likely as one another it would be ${fixed(Math.log(size))}.\n`);
}

function smoothing({ say, names, vocabulary, counts }: Setting): void {
  say('4. Smoothing: one is added to every count, so that no name is impossible');
  const [plain, smoothed] = [probabilities(counts), probabilities(counts, 1)];
  if ([...UNSEEN].every((c) => vocabulary.idOf(c) !== undefined)) {
    const loss = (model: Table) => fixed(likelihood([UNSEEN], vocabulary, model).loss);
    say(`The loss of ${UNSEEN}, which has a pair jq: ${loss(plain)} without, ${loss(smoothed)} with one added.`);
  }
  const loss = (model: Table) => likelihood(names, vocabulary, model).loss.toFixed(6);
  say(`Of all names: ${loss(plain)} without, ${loss(smoothed)} with one added.\n`);
}

async function oneName({ say, names, vocabulary }: Setting, backend: Backend): Promise<void> {
  const [name] = names;
  const examples = contexts([name], vocabulary, 1);
  const size = vocabulary.vocabSize;
  say(`5. The same as a neural net: a table W of ${size} × ${size} random numbers, whose rows are logits`);
  say(`"${name}" gives ${examples.count} examples: ${arrows(examples.x, examples.y, vocabulary)}`);
  const W = firstTable(size, new TorchGenerator(LECTURE_SEED));
  const { losses } = await train(backend, examples, W, { rate: 0.1, steps: 2, regularisation: 0 });
  say(`Loss ${fixed(losses[0])}; after one step against the gradient, at a rate of 0.1: ${fixed(losses[1])}\n`);
}

async function allNames(setting: Setting, backend: Backend): Promise<void> {
  const { say, names, vocabulary, counts } = setting;
  const { rate, regularisation, steps } = { ...lectureTraining, steps: setting.steps ?? lectureTraining.steps };
  const examples = contexts(names, vocabulary, 1);
  say(
    `6. Gradient descent on all ${integer(examples.count)} examples at once: ${integer(steps)} steps at a rate of ${rate}`,
  );
  say(
    `To the loss is added ${regularisation} of the mean of W²: it draws the rows towards equal chances, as smoothing does.`,
  );
  const begin = performance.now();
  const onStep = (step: number, loss: number) => {
    if (step % 20 === 0 || step % 100 === 99 || step === steps - 1)
      say(`step ${`${step}`.padStart(3)}: loss ${fixed(loss)}`);
  };
  const W = firstTable(vocabulary.vocabSize, new TorchGenerator(LECTURE_SEED));
  const trained = await train(backend, examples, W, { rate, steps, regularisation, onStep });
  say(`${((performance.now() - begin) / 1000).toFixed(0)} s`);
  const net = await netProbabilities(backend, trained.W);
  say(`Without what was added, the loss of all names is ${likelihood(names, vocabulary, net).loss.toFixed(4)}.`);
  const apart = distance(counts, probabilities(counts, 1), net);
  say(
    `What it says of the next character is, in the mean, ${(100 * apart).toFixed(1)} % away from what the counts say.`,
  );
  say(`Names drawn from it, with the random numbers of those above:\n${drawn(net, vocabulary)}`);
}

const drawn = (rows: Table, vocabulary: Vocabulary): string =>
  sampleNames(SAMPLES, rows, vocabulary, new TorchGenerator(LECTURE_SEED))
    .map((name) => `${name}.`)
    .join(' ');

const arrows = (x: Uint16Array, y: Uint16Array, { symbols }: Vocabulary): string =>
  Array.from(x, (id, i) => `${symbols[id]} → ${symbols[y[i]]}`).join(', ');

/** 559,873.59 */
const total = (value: number): string =>
  value.toLocaleString('en', { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** Four decimals, and −∞ as it is written. */
const fixed = (value: number): string =>
  Number.isFinite(value) ? value.toFixed(4).replace('-', '−') : value > 0 ? '∞' : '−∞';
