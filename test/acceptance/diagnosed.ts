/** Trainings whose diagnostics a check is about. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Diagnostics, diagnosticsSchema } from '../../core/protocol/diagnostics.ts';
import { dataDir, scratch, train } from './training.ts';

/** What the first micro-batch's layers, and the parameters, did at the last step of a short training. */
export async function diagnosed(name: string, args: readonly string[], steps: number): Promise<Diagnostics> {
  const rest = ['--data', join(dataDir, 'names.txt'), '--threads', '1', '--samples', '0', '--eval-every', '0'];
  const more = ['--steps', `${steps}`, '--diagnostics', `every=${steps}`];
  const { dir } = await train(scratch(`${name}`), [...args, ...more, ...rest]);
  const lines = readFileSync(join(dir, 'diagnostics.jsonl'), 'utf8').trim().split('\n');
  return diagnosticsSchema.parse(JSON.parse(lines.at(-1) ?? ''));
}

/** Each tanh layer's spread and saturated part, first layer first. */
export function tanhs({ layers }: Diagnostics): { readonly std: number; readonly saturated: number }[] {
  return layers.flatMap(({ activation, saturated }) =>
    saturated === null ? [] : [{ std: activation.std, saturated }],
  );
}

export const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
