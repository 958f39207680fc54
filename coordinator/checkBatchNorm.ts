/**
 * Looks whether batch norm has anything to go by. It normalises with the statistics of the micro-batch, per channel: of a single
 * value the variance is 0, and whatever the value was, what comes out is the layer's bias.
 */
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { UserError } from '../core/errors.ts';
import { watchForward } from '../core/nn/hooks.ts';
import { BatchNorm1d, place } from '../core/nn/index.ts';
import { intTensor, noGrad } from '../core/tensor/index.ts';
import { buildModel, type ModelSpec } from '../models/model.ts';
import type { Recipe } from '../models/recipe.ts';

/** What is recommended. */
const ENOUGH = 32;

/**
 * A sentence if micro-batches of the recipe give some batch norm only one value a channel; else null.
 * @throws UserError if it also divides by n - 1, which there is 0
 */
export async function checkBatchNorm({ batch, microBatch }: Recipe, spec: ModelSpec): Promise<string | null> {
  const all = Math.min(batch, microBatch) === 1;
  // The last micro-batch has what is left of an uneven batch.
  const last = batch % microBatch === 1;
  if (!all && !last) return null;
  const starved = await normsOfOneValue(spec);
  if (starved.length === 0) return null;
  const which = all ? 'micro-batches of one example' : `the last micro-batch of each step, one example of ${batch},`;
  const mend =
    all && batch >= ENOUGH && batch % ENOUGH !== 1
      ? `--set microBatch=${ENOUGH}`
      : all
        ? `--set batch=${ENOUGH} --set microBatch=${ENOUGH}`
        : `--set batch=${batch - 1}`;
  const said = `batch norm of ${which} has no variance to go by`;
  if (starved.some(({ unbiased }) => unbiased))
    throw new UserError(`${said}, and divides it by n - 1 = 0: use ${mend}.`);
  return `${said}: such an example teaches nothing about its input; use ${mend}.`;
}

/** The batch norms that a single example gives one value a channel: in models of sequences, some see a value a position. */
async function normsOfOneValue(spec: ModelSpec): Promise<BatchNorm1d[]> {
  const model = buildModel(spec);
  if (![...model.namedModules()].some(([, module]) => module instanceof BatchNorm1d)) return [];
  const backend = await createWasmBackend();
  place(model, backend);
  const found: BatchNorm1d[] = [];
  watchForward(model, (_, module, { shape }) => {
    const values = shape.slice(0, -1).reduce((a, b) => a * b, 1);
    if (module instanceof BatchNorm1d && values === 1) found.push(module);
  });
  noGrad(() => model.eval().forward(intTensor(backend, new Uint16Array(spec.blockSize), [1, spec.blockSize])));
  return found;
}
