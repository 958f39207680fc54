/** Small tools for measuring: medians, and other programs' medians. Figures are compared as ratios within one run. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

const PYTHON = '/usr/bin/python3';
const TORCH_STEPS = fileURLToPath(new URL('../../shared/peers/torch_steps.py', import.meta.url));

/** Why PyTorch cannot be measured here, or null if it can. */
export async function torchMissing(): Promise<string | null> {
  if (!existsSync(TORCH_STEPS)) return `PyTorch is not measured: ${TORCH_STEPS} is absent`;
  try {
    await promisify(execFile)(PYTHON, ['-c', 'import torch']);
    return null;
  } catch {
    return 'PyTorch is not measured: apt-get install --no-install-recommends python3-torch libopenblas0-pthread';
  }
}

/** PyTorch's median time of one training step of a workload, in ms, on one thread. */
export async function torchStepMs(workload: string): Promise<number> {
  const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' };
  const { stdout } = await promisify(execFile)(PYTHON, [TORCH_STEPS, workload], { env });
  const found = /median\s+([\d.]+) ms/.exec(stdout);
  if (found === null) throw new Error(`no median in what PyTorch's script printed:\n${stdout}`);
  return Number(found[1]);
}
