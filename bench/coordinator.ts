/**
 * What the coordinator's own work costs beside the least that it could: with 64 workers that take no time, and a model of a million
 * parameters, in turns with a server that only moves the bytes and adds them. By the processor time of the coordinator's process, since the
 * workers' takes the other cores.
 *
 *   npm run bench:coordinator [-- --steps 40] [--rounds 3] [--profile FILE.cpuprofile]
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { basename, dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Contender, MICRO_BATCHES, type Served, WORKERS } from './coordinator/task.ts';
import { machineInWords, thisMachine } from './machine.ts';
import { median } from './timing.ts';

const here = (file: string): string => fileURLToPath(new URL(`./coordinator/${file}`, import.meta.url));

function start(file: string, args: readonly string[], flags: readonly string[] = []): ChildProcess {
  return spawn(process.execPath, [...flags, here(file), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function measure(contender: Contender, steps: number, profile: string | undefined): Promise<Served> {
  const flags =
    profile === undefined
      ? []
      : ['--cpu-prof', `--cpu-prof-dir=${dirname(profile)}`, `--cpu-prof-name=${basename(profile)}`];
  const server = start('serve.ts', [contender, String(steps)], flags);
  if (server.stdout === null) throw new Error('the server has no output');
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const port = (await lines.next()).value ?? '';
  const clients = start('answer.ts', [contender, port]);
  try {
    return JSON.parse((await lines.next()).value ?? 'null') as Served;
  } finally {
    clients.kill();
    await Promise.all([server, clients].map((child) => child.exitCode ?? child.signalCode ?? once(child, 'exit')));
  }
}

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '40' },
    rounds: { type: 'string', default: '3' },
    profile: { type: 'string' },
  },
});
const steps = Number(values.steps);
const cpu: Record<Contender, number[]> = { ours: [], bare: [] };
const wall: Record<Contender, number[]> = { ours: [], bare: [] };
let parameters = 0;
for (let round = 0; round < Number(values.rounds); round++)
  for (const contender of ['ours', 'bare'] as const) {
    const served = await measure(contender, steps, contender === 'ours' ? values.profile : undefined);
    parameters = served.parameters;
    cpu[contender].push(served.cpuMs / steps);
    wall[contender].push(served.wallMs / steps);
    process.stderr.write(`${contender}: ${(served.cpuMs / steps).toFixed(1)} ms of processor time a step\n`);
  }
const [ours, bare] = [median(cpu.ours), median(cpu.bare)];
console.log(machineInWords(thisMachine()));
console.log(
  `${WORKERS} workers, ${MICRO_BATCHES} micro-batches a step, ${parameters.toLocaleString('en')} parameters: ${((2 * WORKERS * 4 * parameters) / 2 ** 20).toFixed(0)} MiB moved a step`,
);
console.log(
  `coordinator          ${ours.toFixed(1)} ms of processor time a step (${median(wall.ours).toFixed(0)} ms of wall time)`,
);
console.log(`moving and adding    ${bare.toFixed(1)} ms (${median(wall.bare).toFixed(0)} ms)`);
console.log(`above it             ${((ours / bare - 1) * 100).toFixed(1)} %`);
