/** Whoever is measured, each as a process to be started: ourselves, the peers' scripts beside this, and PyTorch's. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { SLOWEST_MS } from '../timing.ts';
import type { WorkloadName } from '../workloads.ts';
import type { PeerReport } from './measurePeer.ts';

export type Measured = Pick<PeerReport, 'version' | 'parameters' | 'medianMs' | 'losses'>;

export interface Contender {
  /** As it is called in the table. */
  readonly name: string;
  /** Why it cannot be measured here, or null if it can. */
  missing(): Promise<string | null>;
  /** @throws Error saying why it cannot do this workload */
  measure(workload: WorkloadName): Promise<Measured>;
}

/** How long the steps are measured, or for a few of them. */
const MEASURE_MS = 3000;
/** A process that has not finished by then never will: seven steps of a minute each. */
const LIMIT_MS = 7 * SLOWEST_MS;
const PYTHON = '/usr/bin/python3';
const TORCH_STEPS = fileURLToPath(new URL('../../../shared/peers/torch_steps.py', import.meta.url));

/**
 * The script with denormal numbers taken for zero. Its GPT-2 begins with logits so large that most probabilities are denormal,
 * and a matrix product over them takes seven times as long: not what we want to be compared with.
 */
const TORCH_MAIN = `
import runpy, sys, torch
torch.set_flush_denormal(True)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')`;

const run = promisify(execFile);

function script(name: string, file: string): Contender {
  const path = fileURLToPath(new URL(file, import.meta.url));
  return {
    name,
    missing: async () => null,
    measure: async (workload) => {
      const stdout = await output(process.execPath, [path, workload, String(MEASURE_MS)], {});
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as PeerReport;
    },
  };
}

function torch(name: string, env: Record<string, string>): Contender {
  return {
    name,
    missing: async () => {
      if (!existsSync(TORCH_STEPS)) return `${TORCH_STEPS} is absent`;
      try {
        await run(PYTHON, ['-c', 'import torch']);
        return null;
      } catch {
        return 'apt-get install --no-install-recommends python3-torch libopenblas0-pthread';
      }
    },
    measure: async (workload) => {
      const stdout = await output(PYTHON, ['-c', TORCH_MAIN, TORCH_STEPS, workload], env);
      const found = /params\s+(?<parameters>[\d,]+).*median\s+(?<median>[\d.]+) ms/.exec(stdout)?.groups;
      const version = /^torch (?<version>\S+)/.exec(stdout)?.groups?.version ?? '';
      if (found === undefined) throw new Error(`no median in what it printed: ${stdout}`);
      const [medianMs, parameters] = [Number(found.median), Number(found.parameters?.replaceAll(',', ''))];
      // It begins with parameters of its own and tells no losses.
      return { version, parameters, medianMs, losses: [] };
    },
  };
}

/** What a process prints. @throws Error with the last thing that it said */
async function output(file: string, args: readonly string[], env: Record<string, string>): Promise<string> {
  try {
    const { stdout } = await run(file, args, {
      env: { ...process.env, ...env },
      timeout: LIMIT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: 1 << 26,
    });
    return stdout;
  } catch (error) {
    const { killed, stderr } = error as { killed?: boolean; stderr?: string };
    if (killed) throw new Error(`it had not finished after ${LIMIT_MS / 60_000} minutes`);
    const said = /^.*Error: .*$/m.exec(stderr ?? '')?.[0] ?? (stderr ?? String(error)).trim().split('\n').at(-1);
    throw new Error(said);
  }
}

export const ours = script('manygrad', './manygrad.ts');

export const PEER_NAMES = ['tfjs', 'jax-js', 'torch', 'torch-best'] as const;

export const contenders: Readonly<Record<(typeof PEER_NAMES)[number], Contender>> = {
  tfjs: script('TensorFlow.js (WASM)', './tfjs.ts'),
  'jax-js': script('jax-js (WASM)', './jax.ts'),
  torch: torch('PyTorch', { OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' }),
  // OpenBLAS takes some processors for older ones without AVX-512.
  // Without a number of threads: asked for two, it takes fewer than it does of itself.
  'torch-best': torch('PyTorch, AVX-512, all cores', { OPENBLAS_CORETYPE: 'SkylakeX' }),
};
