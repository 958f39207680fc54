/** Draws from a trained model, a character at a time: new lines (names) where it learned lines, else text that goes on. */
import { BOUNDARY_ID } from '../core/data/vocabulary.ts';
import { Site, Stream } from '../core/random/streams.ts';
import { intTensor, mul, narrow, noGrad, softmax } from '../core/tensor/index.ts';
import { dataKind } from './recipe.ts';
import type { TrainedModel } from './trained.ts';

export interface SampleOptions {
  /** How many lines or texts. */
  readonly count: number;
  readonly seed: number;
  /** Divides the logits: below 1 safer, above 1 wilder. */
  readonly temperature: number;
  /** How every sample begins. */
  readonly prompt: string;
  /** New characters: as many for a text; at most as many for a line, which may end before. */
  readonly length?: number | undefined;
}

/** What is drawn where nothing is asked for: a list of names, or one paragraph. */
export const defaults = { lines: { count: 20, length: 200 }, text: { count: 1, length: 500 } } as const;

/**
 * Samples drawn one after the other, each with its prompt; the i-th is a function of (model, seed, i).
 * @throws UserError if the prompt has a character that the model does not know
 */
export async function* sample(trained: TrainedModel, options: SampleOptions): AsyncGenerator<string> {
  const kind = dataKind(trained.recipe);
  const prompt = [...trained.vocabulary.encode(options.prompt)];
  const length = options.length ?? defaults[kind].length;
  for (let i = 0; i < options.count; i++) {
    const stream = new Stream(options.seed, Site.sample, i);
    const ids =
      kind === 'text'
        ? await continueText(trained, prompt, length, options.temperature, stream)
        : await finishLine(trained, prompt, length, options.temperature, stream);
    yield trained.vocabulary.decode(ids);
  }
}

/** A line's ids, from its beginning until the model ends it. */
async function finishLine(
  trained: TrainedModel,
  prompt: readonly number[],
  length: number,
  temperature: number,
  stream: Stream,
): Promise<number[]> {
  const { blockSize } = trained.recipe.model;
  const ids = [...prompt];
  while (ids.length < prompt.length + length) {
    const context = new Uint16Array(blockSize).fill(BOUNDARY_ID);
    const seen = ids.slice(-blockSize);
    context.set(seen, blockSize - seen.length);
    const id = choose(await nextProbabilities(trained, context, temperature), stream.uniform(ids.length));
    if (id === BOUNDARY_ID) break;
    ids.push(id);
  }
  return ids;
}

/** A text's ids: the prompt and so many more. Where the prompt is empty, what follows the end of a line. */
async function continueText(
  trained: TrainedModel,
  prompt: readonly number[],
  length: number,
  temperature: number,
  stream: Stream,
): Promise<number[]> {
  const { vocabulary, recipe } = trained;
  // A text without line ends has no better beginning than any of its characters.
  const before = prompt.length > 0 ? [] : [vocabulary.idOf('\n') ?? 0];
  const ids = [...before, ...prompt];
  for (let i = 0; i < length; i++) {
    const context = Uint16Array.from(ids.slice(-recipe.model.blockSize));
    ids.push(choose(await nextProbabilities(trained, context, temperature), stream.uniform(i)));
  }
  return ids.slice(before.length);
}

/** The distribution of the token after a context. */
async function nextProbabilities({ model, backend }: TrainedModel, context: Uint16Array, temperature: number) {
  const mark = backend.mark();
  const probabilities = await noGrad(() => {
    const logits = model.forward(intTensor(backend, context, [1, context.length]));
    // A model of text predicts at every position, [1, T, vocabSize]: the last one's is what comes next.
    const last = logits.shape.length === 3 ? narrow(logits, 1, context.length - 1, 1) : logits;
    return softmax(mul(last, 1 / temperature));
  }).read();
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
