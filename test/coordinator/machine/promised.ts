/** What a machine is to do in a whole run, in order, as lines. */
import type { Plan, Round } from '../../../coordinator/machine/machine.ts';

export function promised({ startStep, steps, evalEvery, checkpointEvery, diagnoseEvery }: Plan): string[] {
  const log: string[] = [];
  const round = (name: string) => log.push(`open ${name}`, `commit ${name}`);
  for (let step = startStep; step < steps; step++) {
    const made = step + 1;
    if (diagnoseEvery > 0 && made % diagnoseEvery === 0) round(`look at ${step}`);
    round(`train at ${step}`);
    if (made === steps || (checkpointEvery > 0 && made % checkpointEvery === 0)) log.push(`checkpoint ${made}`);
    if (made !== steps && evalEvery > 0 && made % evalEvery === 0) round(`val at ${made}`);
  }
  const end = Math.max(startStep, steps);
  round(`train loss at ${end}`);
  round(`val at ${end}`);
  log.push(`finish ${end} complete`);
  return log;
}

export function nameOf(round: Round): string {
  switch (round.mode) {
    case 'train':
      return `train at ${round.step}`;
    case 'eval':
      return `${round.split === 'train' ? 'train loss' : 'val'} at ${round.step}`;
    case 'diagnose':
      return `look at ${round.step}`;
    default:
      return round satisfies never;
  }
}

export function microBatchesOf(round: Round, plan: Plan): number {
  switch (round.mode) {
    case 'train':
      return plan.microBatches;
    case 'eval':
      return plan.evalMicroBatches[round.split];
    case 'diagnose':
      return 1;
    default:
      return round satisfies never;
  }
}
