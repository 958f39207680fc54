/** Where figures were measured: without it they mean nothing. */
import { availableParallelism, cpus } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
  readonly v8: string;
}

export function thisMachine(): Machine {
  const { node, v8 } = process.versions;
  return { cpu: cpus()[0]?.model.trim() ?? 'unknown processor', cores: availableParallelism(), node, v8 };
}

export function machineInWords({ cpu, cores, node, v8 }: Machine): string {
  return `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, Node ${node} (V8 ${v8})`;
}
