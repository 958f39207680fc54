/**
 * Samples over time: at each validation, what the model writes with the parameters as they are then, for samples.jsonl. Drawn
 * in the sampler's thread, while training goes on.
 */
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import type { Recipe } from '../models/recipe.ts';
import { dataKind } from '../models/recipe.ts';
import type { Values } from '../models/trained.ts';
import { Sampler } from './live/sampler.ts';
import type { Evaluated, RunObserver } from './observer.ts';
import type { RunFolder } from './runFolder.ts';

const SHOWN = { lines: { count: 10 }, text: { count: 1, length: 200 } } as const;
/** The same for every step, so that what changes is the model. */
const SEED = 42;

export class SampleLog implements RunObserver {
  readonly #folder: RunFolder;
  readonly #recipe: Recipe;
  readonly #current: () => Values;
  readonly #sampler: Sampler;
  /** What the draw under way is of. */
  #values: Values;
  #last: Promise<void> = Promise.resolve();
  /** Steps of which samples are wanted that are not drawn yet. */
  readonly #wanted = new Set<{ readonly step: number }>();

  /** @param recipe resolved @param tokenizer what its data is spelled by @param current the parameters and buffers as they are */
  constructor(folder: RunFolder, recipe: Recipe, tokenizer: Tokenizer, current: () => Values) {
    this.#folder = folder;
    this.#recipe = recipe;
    this.#current = current;
    this.#values = current();
    this.#sampler = new Sampler(recipe, tokenizer, () => this.#values);
  }

  onEvaluation({ step, split }: Evaluated): void {
    if (split !== 'val') return;
    const { params, buffers } = this.#current();
    const values = { params: params.slice(), buffers: buffers.slice() };
    const wanted = { step };
    this.#wanted.add(wanted);
    this.#last = this.#last.then(async () => {
      this.#values = values;
      const options = { ...SHOWN[dataKind(this.#recipe)], seed: SEED, temperature: 1, prompt: '' };
      const samples = [...(await this.#sampler.draw(options))];
      if (this.#wanted.delete(wanted)) this.#folder.samples({ step, samples });
    });
    // A sample that cannot be drawn is told of when the log is closed.
    this.#last.catch(() => undefined);
  }

  onRollback(_from: number, to: number): void {
    for (const wanted of this.#wanted) if (wanted.step > to) this.#wanted.delete(wanted);
  }

  /** Waits for what is being drawn, and ends the thread. */
  async close(): Promise<void> {
    try {
      await this.#last;
    } finally {
      await this.#sampler.close();
    }
  }
}
