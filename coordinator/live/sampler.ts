/**
 * Draws samples from the parameters of a run under way, in a thread of its own: the coordinator only copies the parameters,
 * when a draw begins. The thread is started when it is first needed, and ended when it has not been for a while.
 */
import { Piscina } from 'piscina';
import { loadKernels } from '../../core/backend/wasm/loadNode.ts';
import { UserError } from '../../core/errors.ts';
import { describe } from '../../core/tokenizer/description.ts';
import type { Tokenizer } from '../../core/tokenizer/tokenizer.ts';
import type { Recipe } from '../../models/recipe.ts';
import type { SampleOptions } from '../../models/sample.ts';
import type { Values } from '../../models/trained.ts';
import type { Drawn, SamplerData, SamplerTask } from './samplerThread.ts';

/** The built package has .js files where the sources have .ts. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './samplerThread.ts' : './samplerThread.js', import.meta.url)
  .href;

/** Requests that may wait for the one being drawn. */
const MAX_WAITING = 8;
/** An idle thread, and the copy of the model in it, is kept for so long. */
const IDLE_MS = 30_000;

export class Sampler {
  readonly #recipe: Recipe;
  readonly #tokenizer: Tokenizer;
  readonly #current: () => Values;
  #piscina: Promise<Piscina<SamplerTask, Drawn>> | null = null;
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;
  #closed = false;

  /**
   * @param recipe resolved @param tokenizer what its data is spelled by
   * @param current the parameters and buffers as they are: they are copied before anything else happens
   */
  constructor(recipe: Recipe, tokenizer: Tokenizer, current: () => Values) {
    this.#recipe = recipe;
    this.#tokenizer = tokenizer;
    this.#current = current;
  }

  /** Whether something is being drawn. */
  get busy(): boolean {
    return this.#pending > 0;
  }

  /**
   * Draws from the parameters as they are when all requests before this one have been served.
   * @throws UserError if the prompt has a character that the model does not know, or too many requests wait
   */
  async draw(options: SampleOptions): Promise<readonly string[]> {
    if (this.#pending > MAX_WAITING)
      throw new UserError('too many samples are being drawn: wait for one of them, then ask again.');
    this.#pending++;
    const drawing = this.#last.then(() => this.#draw(options));
    // One at a time, so that there is one copy of the parameters at a time.
    this.#last = drawing.catch(() => undefined);
    try {
      return await drawing;
    } finally {
      this.#pending--;
    }
  }

  /** Ends the thread, in the middle of a draw if need be: what waits then fails. */
  async close(): Promise<void> {
    this.#closed = true;
    await (await this.#piscina)?.destroy();
  }

  async #draw(options: SampleOptions): Promise<readonly string[]> {
    this.#piscina ??= this.#start();
    const piscina = await this.#piscina;
    if (this.#closed) throw new UserError('the run has ended: draw from its folder with manygrad sample.');
    const { params, buffers } = this.#current();
    const values = { params: params.slice(), buffers: buffers.slice() };
    const transferList = [values.params.buffer, values.buffers.buffer];
    const drawn = await piscina.run({ values, options }, { transferList });
    if ('mistake' in drawn) throw new UserError(drawn.mistake);
    return drawn.texts;
  }

  async #start(): Promise<Piscina<SamplerTask, Drawn>> {
    const recipe = this.#recipe;
    const tokenizer = recipe.data.tokenizerSha256 === undefined ? null : describe(this.#tokenizer);
    const workerData: SamplerData = { kernels: await loadKernels(), recipe, tokenizer };
    return new Piscina({
      filename: THREAD,
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: IDLE_MS,
      workerData,
      recordTiming: false,
    });
  }
}
