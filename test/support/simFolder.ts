/** A run's folder on a simulated disk, with a writer of made-up steps, and a reader that says what of them is there. */

import { readConfig } from '../../coordinator/runConfig.ts';
import { lockRun, RunFolder } from '../../coordinator/runFolder.ts';
import { type CheckpointTensor, searchCheckpoint } from '../../core/checkpoint/store.ts';
import type { Clock } from '../../core/clock.ts';
import type { Disk } from '../../core/disk/disk.ts';
import { UserError } from '../../core/errors.ts';
import { parseRecipe } from '../../models/recipe.ts';
import type { SimDisk } from '../../simulation/simDisk.ts';

export const DIR = 'runs/one';

const recipe = parseRecipe(
  {
    model: { name: 'bigram' },
    data: { source: 'names' },
    seed: 1,
    steps: 100,
    batch: 1,
    microBatch: 1,
    optimizer: { name: 'sgd' },
    schedule: { name: 'constant', lr: 1 },
    clipGradNorm: null,
  },
  'the recipe',
);
export const config = { format: 'manygrad-run-1', recipe, dataSha256: 'of no data' } as const;

/** What the parameters are after a step, in a life or history of its own. */
export const tensors = (step: number, history = 'a'): CheckpointTensor[] => [
  { name: history, shape: [3], data: Float32Array.of(step, step / 3, -step) },
];

/** Opens the folder as a coordinator that starts: makes it, or takes it up at its newest whole checkpoint. */
export async function takeUp(disk: Disk, clock: Clock) {
  try {
    await readConfig(DIR, disk);
  } catch (error) {
    if (!(error instanceof UserError && /holds no run/.test(error.message))) throw error;
    return { folder: await RunFolder.create(DIR, config, disk, clock), found: null, damaged: [] };
  }
  const lock = await lockRun(DIR, disk);
  const { found, damaged } = await searchCheckpoint(DIR, disk);
  const at = { step: found?.step ?? 0, again: false, damaged };
  return { folder: await RunFolder.resume(DIR, config, at, lock, disk, clock), found, damaged };
}

/** Tells the folder of a step; of some also what is told of few. */
export function tell(folder: RunFolder, step: number, history = 'a'): void {
  folder.log({ step, loss: 1 / step, history });
  folder.ledger({ step, blocks: [{ lo: 0, counts: [step], by: history }] });
  if (step % 2 === 0) folder.diagnostics({ step, layers: [], parameters: [] });
  if (step % 3 === 0) folder.log({ step, valLoss: 2 / step, history });
  if (step % 4 === 0) folder.samples({ step, samples: [`${step} is told of – ${history}`] });
}

/** What the files of lines must be after a step. @param from the first step of history b */
export function told(step: number, from = Number.POSITIVE_INFINITY): Record<string, unknown[]> {
  const lines: Record<string, unknown[]> = { log: [], ledger: [], diagnostics: [], samples: [] };
  const collector = {
    log: (line: object) => lines.log?.push(line),
    ledger: (line: object) => lines.ledger?.push(line),
    diagnostics: (line: object) => lines.diagnostics?.push(line),
    samples: (line: object) => lines.samples?.push(line),
  };
  for (let s = 1; s <= step; s++) tell(collector as unknown as RunFolder, s, s < from ? 'a' : 'b');
  return lines;
}

/** What the files of lines are. Throws where one has what is no line. */
export function lines(disk: SimDisk): Record<string, unknown[]> {
  const of = (name: string) => {
    const text = new TextDecoder().decode(disk.contents(`${DIR}/${name}.jsonl`) ?? new Uint8Array(0));
    if (text !== '' && !text.endsWith('\n')) throw new Error(`${name} ends in the middle of a line`);
    return text
      .split('\n')
      .slice(0, -1)
      .map((line): unknown => JSON.parse(line));
  };
  return { log: of('log'), ledger: of('ledger'), diagnostics: of('diagnostics'), samples: of('samples') };
}

/** Enough turns for whatever needs no time to be done. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}
