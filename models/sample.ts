/** Draws new lines (names) from a trained model, a character at a time. */
import { BOUNDARY_ID } from '../core/data/vocabulary.ts';
import { Site, Stream } from '../core/random/streams.ts';
import { intTensor, mul, noGrad, softmax } from '../core/tensor/index.ts';
import type { TrainedModel } from './trained.ts';

export interface SampleOptions {
  readonly count: number;
  readonly seed: number;
  /** Divides the logits: below 1 safer, above 1 wilder. */
  readonly temperature: number;
  /** How every line begins. */
  readonly prompt: string;
  /** A line ends here if the model does not end it before. */
  readonly maxLength?: number;
}

/**
 * Lines drawn one after the other; line i is a function of (model, seed, i).
 * @throws UserError if the prompt has a character that the model does not know
 */
export async function* sampleLines(trained: TrainedModel, options: SampleOptions): AsyncGenerator<string> {
  const { vocabulary } = trained;
  const prompt = vocabulary.encode(options.prompt);
  for (let line = 0; line < options.count; line++) {
    const stream = new Stream(options.seed, Site.sample, line);
    const ids = [...prompt];
    while (ids.length < (options.maxLength ?? 200)) {
      const probabilities = await nextProbabilities(trained, ids, options.temperature);
      const id = choose(probabilities, stream.uniform(ids.length));
      if (id === BOUNDARY_ID) break;
      ids.push(id);
    }
    yield vocabulary.decode(ids);
  }
}

/** The distribution of the token after `ids`, seen through the model's context window. */
async function nextProbabilities(
  { model, backend, recipe }: TrainedModel,
  ids: readonly number[],
  temperature: number,
) {
  const { blockSize } = recipe.model;
  const context = new Uint16Array(blockSize).fill(BOUNDARY_ID);
  const seen = ids.slice(-blockSize);
  context.set(seen, blockSize - seen.length);
  const mark = backend.mark();
  const logits = noGrad(() => model.forward(intTensor(backend, context, [1, blockSize])));
  const probabilities = await noGrad(() => softmax(mul(logits, 1 / temperature))).read();
  backend.release(mark);
  return probabilities;
}

/** The id at which the cumulative distribution passes u in [0, 1). */
function choose(probabilities: ArrayLike<number>, u: number): number {
  let cumulative = 0;
  for (let id = 0; id < probabilities.length; id++) {
    cumulative += probabilities[id] as number;
    if (u < cumulative) return id;
  }
  return probabilities.length - 1;
}
