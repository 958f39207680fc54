/** `manygrad sample`: draws lines or text from the parameters of a run or a checkpoint, and shows them as they are drawn. */
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { UserError } from '../core/errors.ts';
import { dataKind } from '../models/recipe.ts';
import { defaults, sample as draw, pieces } from '../models/sample.ts';
import { loadTrained } from '../models/trained.ts';
import { openCheckpoint } from './checkpoint.ts';
import { inWords, RULE } from './output.ts';

export interface SampleArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  readonly count: number | undefined;
  readonly length: number | undefined;
  readonly seed: number;
  readonly temperature: number;
  readonly topK: number | undefined;
  readonly topP: number | undefined;
  readonly prompt: string;
  readonly json: boolean;
  readonly trustCode: boolean;
}

/** @throws UserError */
export async function sample({ from, json, trustCode, ...options }: SampleArguments): Promise<void> {
  const { temperature, topP } = options;
  if (!(temperature >= 0))
    throw new UserError(
      `--temperature must be 0, which takes the likeliest, or above; it was given ${inWords(temperature)}: try 0.8.`,
    );
  if (topP !== undefined && !(topP > 0 && topP <= 1))
    throw new UserError(`--top-p must be above 0 and at most 1; it was given ${inWords(topP)}: try 0.9.`);
  const { checkpoint } = await openCheckpoint(from, trustCode);
  const trained = await loadTrained(checkpoint, await createWasmBackend());
  const kind = dataKind(trained.recipe);
  const asked = { ...options, count: options.count ?? defaults[kind].count };
  if (json) {
    for await (const text of draw(trained, asked)) console.log(JSON.stringify({ sample: text }));
    return;
  }
  // Somebody who reads along is shown every character; a file gets its many lines at once.
  const live = process.stdout.isTTY || (kind === 'text' && asked.count === 1);
  for (let i = 0; i < asked.count; i++) {
    if (kind === 'text' && i > 0) console.log(RULE);
    let held = '';
    for await (const piece of pieces(trained, asked, i)) {
      if (live) process.stdout.write(piece);
      else held += piece;
    }
    console.log(held);
  }
}
