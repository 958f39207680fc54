/** A bigram model's table, and the counts of the data that it should have learned. */
import { BOUNDARY_ID } from '../../core/data/vocabulary.ts';
import { UserError } from '../../core/errors.ts';
import { noGrad, softmax } from '../../core/tensor/index.ts';
import { symbolsOf } from '../../core/tokenizer/symbol.ts';
import type { TrainedModel } from '../../models/trained.ts';
import { loadData } from '../data.ts';
import { rounded } from './buckets.ts';
import type { Bigrams, Part } from './report.ts';

type Table = readonly (readonly number[])[];

/** Beyond this many symbols a table of pairs is no picture. */
const MAX_SYMBOLS = 128;

/**
 * The table of a model that is nothing but one: a single parameter of logits, [vocabSize, vocabSize]. Null of any other.
 * @param dataSha256 of the data that the run learned from: the counts are of no other
 */
export async function bigrams(trained: TrainedModel, dataSha256: string): Promise<Bigrams | null> {
  const { model, tokenizer, backend } = trained;
  const [parameter, ...others] = model.namedParameters();
  const size = tokenizer.vocabSize;
  if (parameter === undefined || others.length > 0 || size > MAX_SYMBOLS) return null;
  const [, weight] = parameter;
  if (weight.shape.length !== 2 || weight.shape.some((n) => n !== size)) return null;
  const mark = backend.mark();
  const flat = await noGrad(() => softmax(weight)).read();
  backend.release(mark);
  const rows = Array.from({ length: size }, (_, i) => Array.from(flat.slice(i * size, (i + 1) * size), rounded));
  return { symbols: symbolsOf(tokenizer), probabilities: rows, counts: await countsOf(trained, dataSha256) };
}

async function countsOf({ recipe, tokenizer }: TrainedModel, dataSha256: string): Promise<Part<Table>> {
  try {
    const data = await loadData(recipe);
    if (data.sha256 !== dataSha256)
      return {
        absent: `${data.name} is no longer what the run learned from: put the file back to see its counts here.`,
      };
    // Their vocabularies are no picture: such a model was turned away before.
    if (data.kind === 'shards') return { absent: `${data.name} holds shards, whose pairs are not counted.` };
    const counts = Array.from({ length: tokenizer.vocabSize }, () => new Array<number>(tokenizer.vocabSize).fill(0));
    const count = (ids: Uint32Array) => {
      for (let i = 1; i < ids.length; i++) {
        const row = counts[ids[i - 1] ?? 0];
        const next = ids[i] ?? 0;
        if (row !== undefined) row[next] = (row[next] ?? 0) + 1;
      }
    };
    if (data.kind === 'text') count(tokenizer.encode(data.text, 'none'));
    else
      for (const line of data.lines) count(Uint32Array.of(BOUNDARY_ID, ...tokenizer.encode(line, 'none'), BOUNDARY_ID));
    return { found: counts };
  } catch (error) {
    if (error instanceof UserError) return { absent: `The counts cannot be shown: ${error.message}` };
    throw error;
  }
}
