/** `manygrad simulate`: asks how fast a run would be on workers that one has not got, or plays random schedules of faults. */
import { UserError } from '../core/errors.ts';
import { MEASURED_COSTS } from '../simulation/costs.ts';
import { check, draw } from '../simulation/schedule.ts';
import { IMPROVEMENTS, type Question, type Speed, speedOf } from '../simulation/speed.ts';
import { subjectOf } from '../simulation/subject.ts';
import { parseCrew } from './crew.ts';
import type { OutputMode } from './output.ts';
import { type RecipeFlags, recipeFrom } from './recipe.ts';
import { checkCode } from './trust.ts';

export interface SimulateArguments extends RecipeFlags {
  /** What would be trained. */
  readonly target: string;
  /** Who would train it: `8:speed=0.5,up=5,down=50,latency=20`. */
  readonly workers: readonly string[];
  /** The coordinator's own threads. */
  readonly threads: number;
  /** The coordinator's line, megabits a second. */
  readonly line: number;
  /** Parameters, if not the model's. */
  readonly parameters: number | undefined;
  readonly trustCode: boolean;
  readonly mode: OutputMode;
}

/** Steps that are looked at, after as many that are not. */
const STEPS = 20;
const SEED = 1;
/** Less than this is not worth a line. */
const WORTH = 0.03;

/** @throws UserError */
export async function simulate(args: SimulateArguments): Promise<void> {
  const { target, threads, line, mode } = args;
  if (threads === 0 && args.workers.length === 0)
    throw new UserError('nobody would do the work: add --workers 4:up=10,down=50, or --threads.');
  const recipe = await recipeFrom(target, { ...args, steps: undefined });
  checkCode(recipe, target, args.trustCode);
  const measured = await subjectOf(recipe);
  const subject = { ...measured, parameters: args.parameters ?? measured.parameters };
  const question: Question = {
    ...subject,
    workers: args.workers.flatMap((crew, i) => parseCrew(crew, i, subject.msPerMicroBatch)),
    threads,
    coordinatorMbit: line,
    costs: MEASURED_COSTS,
    steps: STEPS,
    seed: SEED,
  };
  const speed = await speedOf(question);
  const better: Record<string, number> = {};
  for (const [name, improve] of Object.entries(IMPROVEMENTS)) {
    const { stepsPerSecond } = await speedOf(improve(question));
    better[name] = stepsPerSecond / speed.stepsPerSecond;
  }
  if (mode === 'json') console.log(JSON.stringify({ subject, ...speed, better }));
  if (mode === 'person') tell(target, question, speed, better);
}

function tell(target: string, q: Question, speed: Speed, better: Readonly<Record<string, number>>): void {
  const { stepsPerSecond: rate, mibSent, mibReceived, busy } = speed;
  const percent = (part: number) => `${Math.round(part * 100)} %`;
  const examples = rate * q.microBatches * q.microBatch;
  console.log(
    `${target}: ${q.parameters.toLocaleString('en')} parameters, ${q.microBatches} micro-batches of ${q.microBatch} a step, ` +
      `${q.msPerMicroBatch.toPrecision(3)} ms each on a thread of this machine.`,
  );
  console.log(`With ${q.workers.length} workers and ${q.threads} threads of the coordinator's own:`);
  console.log(`  ${rate.toPrecision(3)} steps/s, ${Math.round(examples).toLocaleString('en')} examples/s`);
  console.log(`  each step sends ${mibSent.toPrecision(3)} MiB and receives ${mibReceived.toPrecision(3)} MiB`);
  if (q.workers.length > 0)
    console.log(
      `  in use: workers' threads ${percent(busy.computing)}, their uploads ${percent(busy.up)}, their downloads ${percent(busy.down)}; the coordinator's processor ${percent(busy.coordinator)}`,
    );
  const worth = Object.entries(better)
    .filter(([, times]) => times > 1 + WORTH)
    .toSorted(([, a], [, b]) => b - a);
  console.log(worth.length === 0 ? 'Nothing alone would make it faster.' : 'What would make it faster:');
  for (const [name, times] of worth) console.log(`  ${times.toFixed(2)} × with ${name}`);
}

export interface ScheduleArguments {
  readonly schedules: number;
  /** Of the first. */
  readonly seed: number;
  readonly mode: OutputMode;
}

const TELL_MS = 2000;

/** Plays schedules, each of a seed of its own. @returns the exit code: 1 if one of them does not hold */
export async function simulateFaults({ schedules, seed, mode }: ScheduleArguments): Promise<number> {
  const fired = new Map<string, number>();
  const failed: { readonly seed: number; readonly message: string }[] = [];
  let told = performance.now();
  let simulatedMs = 0;
  for (let i = 0; i < schedules; i++) {
    try {
      const played = await check(draw(seed + i));
      simulatedMs += played.simulatedMs;
      for (const fault of played.fired) fired.set(fault, (fired.get(fault) ?? 0) + 1);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      failed.push({ seed: seed + i, message });
      if (mode === 'person') console.log(`${message}. Replay:  manygrad simulate --schedules 1 --seed ${seed + i}`);
    }
    if (mode !== 'person' || performance.now() - told < TELL_MS) continue;
    told = performance.now();
    console.log(`${i + 1} of ${schedules} schedules`);
  }
  const faults = Object.fromEntries([...fired].toSorted(([a], [b]) => a.localeCompare(b)));
  if (mode === 'json') console.log(JSON.stringify({ schedules, seed, failed, faults, simulatedMs }));
  if (mode === 'person') {
    console.log(
      `${schedules} schedules from seed ${seed}, ${(simulatedMs / 3.6e6).toFixed(1)} simulated hours, faults that struck:`,
    );
    for (const [fault, times] of Object.entries(faults)) console.log(`  ${String(times).padStart(6)} ${fault}`);
    console.log(failed.length === 0 ? 'All ended with the same bits.' : `${failed.length} did not hold.`);
  }
  return failed.length === 0 ? 0 : 1;
}
