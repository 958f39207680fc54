/** `manygrad lecture backprop`: the exercises told in the lecture's order, and a training on gradients made by hand. */
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { TorchGenerator } from '../../core/random/torch.ts';
import type { Lecture, LectureContext } from '../lecture.ts';
import { splitNames } from './examples.ts';
import { compareAll, compareBatchNorm, compareCrossEntropy, type Exercise, prepare, rowSum } from './exercise.ts';
import { calibrate, loss, sampleName } from './inference.ts';
import { NOTEBOOK_SEED, parameterCount, trained } from './parameters.ts';
import { train } from './train.ts';

/** A tenth of the lecture's, for a look in half a minute. */
const STEPS = 20_000;
const SAMPLES = 20;

export const lecture: Lecture = async (context) => {
  const lines = await context.lines();
  const exercise = await prepare(await createWasmBackend(), lines);
  tellGradients(context, exercise);
  tellFused(context, exercise);
  tellMistake(context, exercise);
  tellTraining(context, lines);
};

function tellGradients({ say }: LectureContext, exercise: Exercise): void {
  const { parameters, batch, pass } = exercise;
  say('Exercise 1: every gradient by hand, next to the one that autograd finds.');
  say(
    `A model of ${count(parameterCount(parameters))} parameters, ${batch.y.length} examples, loss ${fixed(pass.loss)}.`,
  );
  say('');
  for (const { line } of compareAll(exercise)) say(line);
}

function tellFused({ say }: LectureContext, exercise: Exercise): void {
  say('');
  say('Exercise 2: the whole cross-entropy at once, (softmax − one-hot)/n.');
  say('');
  say(compareCrossEntropy(exercise).line);
  say('');
  say(`The forces of each row balance: the largest sum of a row of it is ${rowSum(exercise).toExponential(1)}.`);
  say('');
  say('Exercise 3: the whole batch norm at once.');
  say('');
  say(compareBatchNorm(exercise).line);
}

function tellMistake({ say }: LectureContext, exercise: Exercise): void {
  const comparisons = compareAll(exercise, { missingBranch: true });
  const wrong = comparisons.filter(({ approximate }) => !approximate);
  say('');
  say('A mistake: counts reach the loss through their sum too. With that branch forgotten,');
  say(
    `${wrong.length} of ${comparisons.length} gradients are wrong: counts, and all that follow but b1, whose gradient is 0 in any case.`,
  );
  say('');
  for (const { line } of wrong.slice(0, 4)) say(line);
}

function tellTraining({ say, steps = STEPS }: LectureContext, lines: readonly string[]): void {
  const names = splitNames(lines, trained.blockSize);
  const every = Math.max(1, Math.floor(steps / 10));
  const begin = performance.now();
  say('');
  say(`Exercise 4: ${count(steps)} steps on gradients made by hand, at 0.1 and from the middle on at 0.01.`);
  say('');
  const onStep = (step: number, loss: number) => {
    if (step % every === 0) say(`step ${count(step).padStart(7)} | loss ${fixed(loss)}`);
  };
  const parameters = train(names, new TorchGenerator(NOTEBOOK_SEED), { sizes: trained, steps, onStep });
  say(`${((performance.now() - begin) / 1000).toFixed(0)} s`);

  const statistics = calibrate(parameters, names.train);
  const [onTrain, onVal] = [names.train, names.val].map((part) => fixed(loss(parameters, statistics, part)));
  say('');
  say(`Loss with batch norm calibrated on the training set: train ${onTrain}, validation ${onVal}`);
  say('(the lecture, after 200,000 steps: 2.07 and 2.11).');
  say('');
  const generator = new TorchGenerator(NOTEBOOK_SEED + 10);
  const model = { vocabulary: names.vocabulary, blockSize: trained.blockSize };
  for (let i = 0; i < SAMPLES; i++) say(sampleName(parameters, statistics, model, generator));
}

const fixed = (loss: number): string => loss.toFixed(4);
const count = (n: number): string => n.toLocaleString('en');
