/** The lecture's exercises 1 to 3 on its own small model and batch: every gradient by hand, next to autograd's. */
import type { Backend } from '../../core/backend/backend.ts';
import { TorchGenerator } from '../../core/random/torch.ts';
import { autograd } from './autograd.ts';
import { type Comparison, cmp } from './cmp.ts';
import { drawBatch, splitNames } from './examples.ts';
import type { Batch, Forward } from './forward.ts';
import { batchNormBackward, crossEntropyBackward } from './fused.ts';
import { type Gradients, type Mistake, manual } from './manual.ts';
import { type Matrix, sumCols } from './matrix.ts';
import { exercise, firstParameters, NOTEBOOK_SEED, type Parameters } from './parameters.ts';

export interface Exercise {
  readonly parameters: Parameters;
  readonly batch: Batch;
  /** The forward pass that both kinds of gradients are of. */
  readonly pass: Forward;
  readonly autograd: Gradients;
}

/** The notebook's weights, its batch of 32, and what autograd finds there. @throws UserError where the lines do not do */
export async function prepare(backend: Backend, lines: readonly string[]): Promise<Exercise> {
  const { vocabulary, train } = splitNames(lines, exercise.blockSize);
  const generator = new TorchGenerator(NOTEBOOK_SEED);
  const parameters = firstParameters({ ...exercise, vocabSize: vocabulary.vocabSize }, generator);
  const batch = drawBatch(train, 32, generator);
  const { pass, gradients } = await autograd(backend, parameters, batch);
  return { parameters, batch, pass, autograd: gradients };
}

/** Exercise 1: every gradient step by step, in the order in which they are made. */
export const compareAll = ({ parameters, batch, pass, autograd }: Exercise, mistake: Mistake = {}): Comparison[] =>
  sideBySide(manual(parameters, batch, pass, mistake), autograd);

/** Exercise 2: the whole cross-entropy in one formula. */
export const compareCrossEntropy = ({ batch, pass, autograd }: Exercise): Comparison =>
  cmp('logits', crossEntropyBackward(pass.probs, batch.y), autograd.logits);

/** Exercise 3: the whole batch norm in one formula, from autograd's gradient of its result. */
export const compareBatchNorm = ({ parameters, pass, autograd }: Exercise): Comparison =>
  cmp('hprebn', batchNormBackward(autograd.hpreact, pass, parameters.bngain), autograd.hprebn);

/** By how much the rows of d(loss)/d(logits) miss 0: the largest sum. */
export const rowSum = ({ batch, pass }: Exercise): number =>
  sumCols(crossEntropyBackward(pass.probs, batch.y)).data.reduce((most, v) => Math.max(most, Math.abs(v)), 0);

/** A comparison for each name of `ours`. */
export function sideBySide<Name extends string>(
  ours: Readonly<Record<Name, Matrix>>,
  theirs: Readonly<Record<Name, Matrix>>,
): Comparison[] {
  const comparisons: Comparison[] = [];
  for (const name in ours) comparisons.push(cmp(name, ours[name], theirs[name]));
  return comparisons;
}
