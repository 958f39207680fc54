/** Step times of the workloads on one thread, one after the other in this process. */
import { type StepTimes, timeSteps } from './timing.ts';
import { TrainingStep } from './trainingStep.ts';
import { type WorkloadName, workloads } from './workloads.ts';

export interface WorkloadFigures extends Omit<StepTimes, 'losses'> {
  readonly workload: WorkloadName;
  readonly parameters: number;
  readonly batch: number;
  readonly block: number;
  readonly tokensPerSecond: number;
}

/** @param ms how long to measure; at least a few steps are made */
export async function measureWorkload(name: WorkloadName, ms: number): Promise<WorkloadFigures> {
  const workload = workloads[name];
  const { batch, block } = workload;
  const training = await TrainingStep.create(workload);
  const { losses: _, ...times } = await timeSteps(workload, (x, y) => training.run(x, y), ms);
  const tokensPerSecond = Math.round((batch * block * 1000) / times.medianMs);
  return { workload: name, parameters: training.parameterCount, batch, block, tokensPerSecond, ...times };
}
