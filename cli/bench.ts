/** `manygrad bench`: how fast this machine multiplies and trains, for a person or as JSON. */
import { measureThreads, type ThreadsFigures } from '../bench/dataParallel.ts';
import { machineInWords, thisMachine } from '../bench/machine.ts';
import { MatmulBench, type MatmulRow, ODD, type Peak, SKINNY, SQUARES } from '../bench/matmul.ts';
import { measureWorkload, type WorkloadFigures } from '../bench/measureWorkloads.ts';
import { isWorkloadName, WORKLOAD_NAMES, type WorkloadName } from '../bench/workloads.ts';
import { instantiate } from '../core/backend/wasm/exports.ts';
import { loadKernels } from '../core/backend/wasm/loadNode.ts';
import { clearUpperHalves } from '../core/backend/wasm/upperHalves.ts';
import { UserError } from '../core/errors.ts';

export interface BenchArguments {
  /** Names with commas between them; all but the longest if left out. */
  readonly workloads: string | undefined;
  /** Also measure runs on so many worker threads. */
  readonly threads: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Takes a minute by itself and three gigabytes of memory. */
const LONGEST: WorkloadName = 'gpt2-124m';
/** A workload is measured for so long, or for a few steps. */
const STEPS_MS = 3000;
/** The least and the most steps of a run on threads. */
const RUN_STEPS = { least: 3, most: 400 };

/** @throws UserError if there is no such workload */
export async function bench(args: BenchArguments): Promise<void> {
  const chosen = parseWorkloads(args.workloads);
  const progress = new Progress(!args.quiet);
  const machine = thisMachine();
  const { tile, peak, matmul } = await multiply(progress);
  const steps: WorkloadFigures[] = [];
  for (const name of chosen) {
    progress.show(`training ${name}`);
    steps.push(await measureWorkload(name, STEPS_MS));
  }
  const threads: ThreadsFigures[] = [];
  const onThreads = args.threads ?? 0;
  for (const { workload, batch, medianMs } of onThreads === 0 ? [] : steps) {
    if (batch < onThreads) continue;
    progress.show(`training ${workload} on ${onThreads} threads`);
    const count = Math.round(STEPS_MS / 2 / medianMs);
    const within = Math.max(RUN_STEPS.least, Math.min(RUN_STEPS.most, count));
    threads.push(await measureThreads(workload, onThreads, within));
  }
  progress.end();
  const leftOut = WORKLOAD_NAMES.filter((name) => !chosen.includes(name));
  if (args.json) return console.log(JSON.stringify({ machine, tile, peak, matmul, steps, threads, leftOut }));
  console.log(machineInWords(machine));
  printMatmul(tile, peak, matmul);
  printSteps(steps);
  if (args.threads !== undefined) printThreads(threads, chosen);
  if (leftOut.length > 0) console.log(`\nLeft out: ${leftOut.join(', ')} (--workloads ${leftOut.join(',')})`);
}

function parseWorkloads(list: string | undefined): WorkloadName[] {
  if (list === undefined) return WORKLOAD_NAMES.filter((name) => name !== LONGEST);
  return list.split(',').map((name) => {
    if (isWorkloadName(name)) return name;
    throw new UserError(`there is no workload "${name}": use some of ${WORKLOAD_NAMES.join(',')}.`);
  });
}

async function multiply(progress: Progress) {
  const { module, matmulTile: tile } = await loadKernels();
  const measure = new MatmulBench((memory) => instantiate(module, memory), tile);
  progress.show('multiply-adds');
  const peak = measure.peak();
  const matmul: MatmulRow[] = [];
  for (const shape of [...SQUARES, ...ODD, ...SKINNY]) {
    progress.show(`matmul ${shape.join('×')}`);
    matmul.push(measure.row(shape));
  }
  clearUpperHalves();
  return { tile, peak, matmul };
}

/** What is being measured, on stderr: one line redrawn on a terminal, a line each elsewhere. */
class Progress {
  readonly #on: boolean;

  constructor(on: boolean) {
    this.#on = on;
  }

  show(what: string): void {
    if (!this.#on) return;
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[Kmeasuring: ${what}` : `measuring: ${what}\n`);
  }

  end(): void {
    if (this.#on && process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  }
}

function printMatmul(tile: string, peak: Peak, rows: readonly MatmulRow[]): void {
  const limit = Math.max(peak.narrow, peak.wide);
  console.log(
    `\nMultiply-adds on one thread: ${peak.narrow.toFixed(1)} GFLOP/s in 128-bit registers, ${peak.wide.toFixed(1)} in pairs of them`,
  );
  console.log(`\nMatmul (${tile}) in GFLOP/s, and % of the larger limit`);
  console.log(`${'m × n × k'.padEnd(18)}${['A·B', 'A·Bᵀ', 'Aᵀ·B', 'Aᵀ·Bᵀ'].map((t) => t.padStart(14)).join('')}`);
  for (const { shape, rates } of rows) {
    const cells = rates.map((rate) => `${rate.toFixed(1)} (${((100 * rate) / limit).toFixed(0)} %)`.padStart(14));
    console.log(`${shape.join(' × ').padEnd(18)}${cells.join('')}`);
  }
}

function printSteps(figures: readonly WorkloadFigures[]): void {
  console.log('\nOne training step on one thread');
  for (const { workload, parameters, batch, block, medianMs, bestMs, steps, tokensPerSecond } of figures) {
    const sizes = `${parameters.toLocaleString('en').padStart(11)} parameters, batch ${`${batch}×${block}`.padEnd(6)}`;
    const times = `median ${ms(medianMs)}, best ${ms(bestMs)} of ${steps}`;
    console.log(`${workload.padEnd(10)} ${sizes} ${times}, ${tokensPerSecond.toLocaleString('en')} tokens/s`);
  }
}

function printThreads(figures: readonly ThreadsFigures[], chosen: readonly WorkloadName[]): void {
  console.log('\nOne training step of a run, coordinator and messages included');
  for (const { workload, threads, microBatch, oneMs, allMs, timesFaster } of figures) {
    const times = `${ms(oneMs)} on 1 thread, ${ms(allMs)} on ${threads}: ${timesFaster.toFixed(2)} times as fast`;
    console.log(`${workload.padEnd(10)} micro-batches of ${microBatch}: ${times}`);
  }
  const others = chosen.filter((name) => figures.every(({ workload }) => workload !== name));
  if (others.length > 0) console.log(`Not measured on threads: ${others.join(', ')} (more threads than examples)`);
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 3 : 1)} ms`;
}
