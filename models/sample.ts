/** Draws from a trained model, a token at a time: new lines (names) where it learned lines, else text that goes on. */
import { BOUNDARY_ID } from '../core/data/vocabulary.ts';
import { Site, Stream } from '../core/random/streams.ts';
import { intTensor, narrow, noGrad } from '../core/tensor/index.ts';
import { CharacterTokenizer } from '../core/tokenizer/character.ts';
import { END_OF_TEXT } from '../core/tokenizer/special.ts';
import { StreamingDecoder } from '../core/tokenizer/streamingDecoder.ts';
import { isToken } from '../core/tokenizer/symbol.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { type Choosing, choose, weigh } from './choose.ts';
import { dataKind } from './recipe.ts';
import type { TrainedModel } from './trained.ts';

export interface SampleOptions extends Choosing {
  /** How many lines or texts. */
  readonly count: number;
  readonly seed: number;
  /** How every sample begins. */
  readonly prompt: string;
  /** New tokens, which are characters unless a tokenizer made them: as many for a text; at most as many for a line. */
  readonly length?: number | undefined;
}

/** What is drawn where nothing is asked for: a list of names, or one paragraph. */
export const defaults = { lines: { count: 20, length: 200 }, text: { count: 1, length: 500 } } as const;

/**
 * Samples drawn one after the other, each with its prompt; the i-th is a function of (model, options, i).
 * @throws UserError if the prompt has a character that the model does not know
 */
export async function* sample(trained: TrainedModel, options: SampleOptions): AsyncGenerator<string> {
  for (let i = 0; i < options.count; i++) {
    let text = '';
    for await (const piece of pieces(trained, options, i)) text += piece;
    yield text;
  }
}

/**
 * The i-th sample as it is drawn: its prompt, if it has one, then a token at a time, whole characters of it. Its pieces make up the whole.
 * @throws UserError if the prompt has a character that the model does not know
 */
export async function* pieces(trained: TrainedModel, options: SampleOptions, i: number): AsyncGenerator<string> {
  const { recipe, tokenizer } = trained;
  const kind = dataKind(recipe);
  const { prompt, length = defaults[kind].length } = options;
  const ids = [...tokenizer.encode(prompt, 'none')];
  if (prompt !== '') yield prompt;
  const stream = new Stream(options.seed, Site.sample, i);
  const drawn =
    kind === 'text'
      ? continueText(trained, ids, length, options, stream)
      : finishLine(trained, ids, length, options, stream);
  const decoder = new StreamingDecoder(tokenizer, ids);
  for await (const id of drawn) {
    const piece = isToken(tokenizer, id) ? decoder.push(id) : `${decoder.end()}\ufffd`;
    if (piece !== '') yield piece;
  }
  const rest = decoder.end();
  if (rest !== '') yield rest;
}

/** The ids that follow the beginning of a line, until the model ends it. */
async function* finishLine(
  trained: TrainedModel,
  prompt: readonly number[],
  length: number,
  choosing: Choosing,
  stream: Stream,
): AsyncGenerator<number> {
  const { blockSize } = trained.recipe.model;
  const ids = [...prompt];
  while (ids.length < prompt.length + length) {
    const context = new Uint16Array(blockSize).fill(BOUNDARY_ID);
    const seen = ids.slice(-blockSize);
    context.set(seen, blockSize - seen.length);
    const id = choose(await nextWeights(trained, context, choosing), choosing, stream.uniform(ids.length));
    if (id === BOUNDARY_ID) return;
    ids.push(id);
    yield id;
  }
}

/** What stands before a text without a prompt: the mark of a document's beginning, or the end of a line. */
function beginning(tokenizer: Tokenizer): number {
  const mark = tokenizer.special.get(END_OF_TEXT);
  if (mark !== undefined) return mark;
  if (tokenizer instanceof CharacterTokenizer) {
    // A text without line ends has no better beginning than any of its characters.
    return tokenizer.idOf('\n') ?? 0;
  }
  return tokenizer.encode('\n', 'none').at(-1) ?? 0;
}

/** So many ids that follow a prompt. */
async function* continueText(
  trained: TrainedModel,
  prompt: readonly number[],
  length: number,
  choosing: Choosing,
  stream: Stream,
): AsyncGenerator<number> {
  const { tokenizer, recipe } = trained;
  const ids = prompt.length > 0 ? [...prompt] : [beginning(tokenizer)];
  for (let i = 0; i < length; i++) {
    const context = Uint16Array.from(ids.slice(-recipe.model.blockSize));
    const id = choose(await nextWeights(trained, context, choosing), choosing, stream.uniform(i));
    ids.push(id);
    yield id;
  }
}

/** What the token after a context is chosen by. */
async function nextWeights({ model, backend }: TrainedModel, context: Uint16Array, choosing: Choosing) {
  const mark = backend.mark();
  const weights = await noGrad(() => {
    const logits = model.forward(intTensor(backend, context, [1, context.length]));
    // A model of text predicts at every position, [1, T, vocabSize]: the last one's is what comes next.
    return weigh(logits.shape.length === 3 ? narrow(logits, 1, context.length - 1, 1) : logits, choosing);
  }).read();
  backend.release(mark);
  return weights;
}
