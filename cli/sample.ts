/** `manygrad sample`: draws lines from the parameters of a run or a checkpoint. */
import { statSync } from 'node:fs';
import { createWasmBackend } from '../core/backend/wasm/loadNode.ts';
import { latestCheckpoint, readCheckpoint } from '../core/checkpoint/store.ts';
import { sampleLines } from '../models/sample.ts';
import { loadTrained } from '../models/trained.ts';

export interface SampleArguments {
  /** A run's folder, or a checkpoint. */
  readonly from: string;
  readonly count: number;
  readonly seed: number;
  readonly temperature: number;
  readonly prompt: string;
  readonly json: boolean;
}

/** @throws UserError */
export async function sample({ from, json, ...options }: SampleArguments): Promise<void> {
  const isFolder = statSync(from, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const checkpoint = isFolder ? await latestCheckpoint(from) : await readCheckpoint(from);
  const trained = loadTrained(checkpoint, await createWasmBackend());
  for await (const line of sampleLines(trained, options)) console.log(json ? JSON.stringify({ sample: line }) : line);
}
