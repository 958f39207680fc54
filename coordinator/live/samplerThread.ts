/** What runs in the sampler's thread: places the parameters that it is given and draws from them. */
import { workerData } from 'piscina';
import type { Kernels } from '../../core/backend/wasm/exports.ts';
import { nodeBackend } from '../../core/backend/wasm/loadNode.ts';
import { UserError } from '../../core/errors.ts';
import { type Description, fromDescription } from '../../core/tokenizer/description.ts';
import { loadModel } from '../../models/loadCode.ts';
import type { Recipe } from '../../models/recipe.ts';
import { type SampleOptions, sample } from '../../models/sample.ts';
import { trainedModel, type Values } from '../../models/trained.ts';

export interface SamplerData {
  readonly kernels: Kernels;
  readonly recipe: Recipe;
  /** Null where the recipe says which characters there are. */
  readonly tokenizer: Description | null;
}

export interface SamplerTask {
  readonly values: Values;
  readonly options: SampleOptions;
}

/** A user's mistake comes back as its sentence: an error's class does not survive the way between threads. */
export type Drawn = { readonly texts: readonly string[] } | { readonly mistake: string };

const { kernels, recipe, tokenizer } = workerData as SamplerData;
const kept = tokenizer === null ? undefined : fromDescription(tokenizer);
await loadModel(recipe.model);
const backend = nodeBackend(kernels);

export default async function draw({ values, options }: SamplerTask): Promise<Drawn> {
  const mark = backend.mark();
  try {
    const texts: string[] = [];
    for await (const text of sample(trainedModel(recipe, values, backend, kept), options)) texts.push(text);
    return { texts };
  } catch (error) {
    if (error instanceof UserError) return { mistake: error.message };
    throw error;
  } finally {
    backend.release(mark);
  }
}
