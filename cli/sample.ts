/** `manygrad sample`: draws lines or text from the parameters of a run or a checkpoint. */
import { statSync } from 'node:fs';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { latestCheckpoint, readCheckpoint } from '../core/checkpoint/store.ts';
import { loadModel } from '../models/loadCode.ts';
import { dataKind } from '../models/recipe.ts';
import { defaults, sample as draw } from '../models/sample.ts';
import { loadTrained, recipeOf } from '../models/trained.ts';
import { RULE } from './output.ts';
import { checkCode } from './trust.ts';

export interface SampleArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  readonly count: number | undefined;
  readonly length: number | undefined;
  readonly seed: number;
  readonly temperature: number;
  readonly prompt: string;
  readonly json: boolean;
  readonly trustCode: boolean;
}

/** @throws UserError */
export async function sample({ from, json, trustCode, ...options }: SampleArguments): Promise<void> {
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const checkpoint = isFolder ? await latestCheckpoint(from) : await readCheckpoint(from);
  const recipe = recipeOf(checkpoint);
  checkCode(recipe, from, trustCode);
  await loadModel(recipe.model);
  const trained = loadTrained(checkpoint, await createWasmBackend());
  const kind = dataKind(trained.recipe);
  const count = options.count ?? defaults[kind].count;
  let printed = 0;
  for await (const text of draw(trained, { ...options, count })) {
    if (!json && kind === 'text' && printed++ > 0) console.log(RULE);
    console.log(json ? JSON.stringify({ sample: text }) : text);
  }
}
