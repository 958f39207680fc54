/**
 * What every contender's script does: takes a workload's name and how long to measure, builds the model, measures its steps
 * and prints one line of JSON. All start from the same parameters, so that their losses can be compared.
 */
import { initialise, type NamedValues, parameterLayout, unflatten } from '../../core/nn/index.ts';
import { buildModel } from '../../models/model.ts';
import { type Step, type StepTimes, timeSteps } from '../timing.ts';
import { SEED } from '../trainingStep.ts';
import { isWorkloadName, type Workload, workloads } from '../workloads.ts';

/** What a script prints. */
export interface PeerReport extends StepTimes {
  readonly version: string;
  /** How many numbers are trained. */
  readonly parameters: number;
}

export interface Contender {
  readonly version: string;
  readonly parameters: number;
  readonly step: Step;
}

/** Runs a script: `node <script> <workload> <milliseconds>`. */
export async function measurePeer(create: (workload: Workload) => Promise<Contender>): Promise<void> {
  const [name = '', ms = ''] = process.argv.slice(2);
  if (!isWorkloadName(name)) throw new Error(`there is no workload "${name}"`);
  const workload = workloads[name];
  const { version, parameters, step } = await create(workload);
  const report: PeerReport = { version, parameters, ...(await timeSteps(workload, step, Number(ms))) };
  console.log(JSON.stringify(report));
}

/** A workload's first parameters by PyTorch's names. */
export function firstParameters(workload: Workload): NamedValues[] {
  const model = buildModel(workload.model);
  return unflatten(parameterLayout(model), initialise(model, SEED).params);
}

/** Whether a parameter is a linear layer's matrix: [out, in] here, and [in, out] where layers multiply from the right. */
export function isLinearMatrix({ name, shape }: NamedValues): boolean {
  return shape.length === 2 && !/^(?:wte|wpe|0)\./.test(name);
}

/** A matrix [rows, columns], turned. */
export function transposed(data: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  const turned = new Float32Array(data.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) turned[j * rows + i] = data[i * columns + j] as number;
  return turned;
}

/** How many neighbours each level of a character model fuses. */
export function fusedBy({ model }: Workload): number[] {
  if (model.name === 'mlp') return [model.blockSize];
  return Array.from({ length: Math.log2(model.blockSize) }, () => 2);
}
