/** What a soak has found, judged: what does not hold is said in sentences, for a person and for a program. */
import type { Life } from './coordinator.ts';
import { KINDS, type Kind } from './faults.ts';
import { type Allowance, type Series, type Trend, trendOf } from './watch.ts';

/** A heap breathes by as much; what a leak must be to show is in the report. */
const MEMORY: Allowance = { absolute: 16, relative: 0.1 };
/** A checkpoint is being written now and then, and some worker is on its way in or out. */
const FILES: Allowance = { absolute: 1, relative: 0 };

interface End {
  readonly paramsSha256: string;
  readonly buffersSha256: string;
  readonly trainLoss: number | null;
  readonly valLoss: number | null;
}

export interface Progress {
  readonly seconds: number;
  readonly step: number;
  /** Remote workers that are there, and that ever were. */
  readonly workers: number;
  readonly joined: number;
  readonly fired: Readonly<Record<Kind, number>>;
  /** In MB. */
  readonly rss: { readonly coordinator: number; readonly steady: number };
}

export interface Found {
  readonly seed: number;
  /** Of the soak alone. */
  readonly seconds: number;
  readonly steps: number;
  readonly planned: readonly Kind[];
  readonly fired: Readonly<Record<Kind, number>>;
  readonly lives: readonly Life[];
  /** Of the worker to which nothing happened. */
  readonly steady: Series;
  /** Workers that joined later than the first, and those of them of whom the ledger tells. */
  readonly joined: number;
  readonly worked: number;
  readonly soaked: End;
  readonly undisturbed: End;
  /** What is wrong with the ledger, or null. */
  readonly ledgerFault: string | null;
  /** Processes that were left though they had been killed. */
  readonly leftBehind: number;
  /** What processes said on stderr. */
  readonly complaints: readonly string[];
}

interface Watched {
  readonly memory: Trend;
  readonly files: Trend;
  /** How long it was watched. */
  readonly seconds: number;
  /** Looks a second apart: resident memory in MB. */
  readonly rss: readonly number[];
}

export interface Report {
  readonly seed: number;
  readonly seconds: number;
  readonly steps: number;
  /** What does not hold, in sentences. */
  readonly failures: readonly string[];
  readonly paramsSha256: { readonly soaked: string; readonly undisturbed: string };
  readonly faults: Readonly<Record<Kind, number>>;
  readonly joined: number;
  readonly worked: number;
  readonly lives: readonly (Watched & {
    readonly from: number;
    readonly to: number;
    readonly repeated: number;
  })[];
  readonly steadyWorker: Watched;
}

export function reportOf(found: Found): Report {
  const { seed, seconds, steps, fired, joined, worked, soaked, undisturbed } = found;
  const lives = found.lives.map(({ from, step, repeated, watch }) => ({
    ...{ from, to: step, repeated },
    ...watched(watch),
  }));
  const steadyWorker = watched(found.steady);
  const failures: string[] = [];
  const hold = (holds: boolean, otherwise: string) => {
    if (!holds) failures.push(otherwise);
  };
  for (const what of ['paramsSha256', 'buffersSha256', 'trainLoss', 'valLoss'] as const)
    hold(soaked[what] === undisturbed[what], `${what} is ${soaked[what]}, and ${undisturbed[what]} undisturbed`);
  if (found.ledgerFault !== null) failures.push(`the ledger is not exact: ${found.ledgerFault}`);
  for (const kind of found.planned) hold(fired[kind] > 0, `no ${KINDS[kind]}`);
  hold(joined > 0, 'nobody joined later');
  hold(worked > 0, `of ${joined} who joined later nobody had work accepted`);
  for (const [i, life] of lives.entries()) judge(`coordinator ${i + 1}`, life, hold);
  judge('the worker that is never touched', steadyWorker, hold);
  hold(found.leftBehind === 0, `${found.leftBehind} processes are left behind`);
  failures.push(...found.complaints);
  const paramsSha256 = { soaked: soaked.paramsSha256, undisturbed: undisturbed.paramsSha256 };
  return { seed, seconds, steps, failures, paramsSha256, faults: fired, joined, worked, lives, steadyWorker };
}

function watched({ rss, fds, seconds }: Series): Watched {
  return { memory: trendOf(rss, MEMORY), files: trendOf(fds, FILES), seconds, rss };
}

function judge(
  who: string,
  { memory, files, seconds }: Watched,
  hold: (holds: boolean, otherwise: string) => void,
): void {
  hold(memory.looks >= seconds / 2 - 1, `${who} was looked at ${memory.looks} times in ${seconds.toFixed(0)} seconds`);
  hold(memory.isFlat !== false, `the memory of ${who} grows: ${inWords(memory, 'MB')}`);
  hold(files.isFlat !== false, `the open files of ${who} grow: ${inWords(files, 'files')}`);
}

/** A line for a person while it goes on. */
export function progressLine({ seconds, step, workers, joined, fired, rss }: Progress): string {
  const faults = Object.entries(fired).map(([kind, n]) => `${kind} ${n}`);
  const memory = `RSS ${rss.coordinator.toFixed(0)} MB, worker ${rss.steady.toFixed(0)} MB`;
  return `${seconds.toFixed(0)} s  step ${step}  ${workers} workers of ${joined}  ${faults.join(', ')}  ${memory}`;
}

/** The report for a person. */
export function* reportLines(report: Report): Generator<string> {
  const { seed, seconds, steps, paramsSha256, faults, joined, worked, lives, steadyWorker, failures } = report;
  yield `Seed ${seed}: ${steps} steps in ${seconds.toFixed(0)} s.`;
  yield `paramsSha256  soaked       ${paramsSha256.soaked}`;
  yield `              undisturbed  ${paramsSha256.undisturbed}`;
  for (const [kind, n] of Object.entries(faults)) yield `${`${n}`.padStart(5)}  ${KINDS[kind as Kind]}`;
  yield `${`${joined}`.padStart(5)}  workers joined later, of whom ${worked} had work accepted`;
  for (const [i, { from, to, repeated, memory, files }] of lives.entries()) {
    const again = i === 0 ? '' : `, ${repeated} of them again`;
    yield `coordinator ${i + 1}: steps ${from + 1} to ${to}${again}`;
    yield `  ${inWords(memory, 'MB')}`;
    yield `  a leak of ${leastLeak(memory, to - from)} kB a step would show`;
    yield `  ${inWords(files, 'files')}`;
  }
  yield 'the worker that is never touched';
  yield `  ${inWords(steadyWorker.memory, 'MB')}`;
  yield `  ${inWords(steadyWorker.files, 'files')}`;
  for (const failure of failures) yield `FAILS: ${failure}`;
  if (failures.length === 0) yield 'All of it holds.';
}

/** What a process of so many steps would have to lose at each to grow by more than it may, in kB: from quarter to quarter lies half of them. */
const leastLeak = ({ allowed }: Trend, steps: number): string => ((allowed * 1000) / (steps / 2)).toFixed(0);

/** A trend as a person reads it. */
function inWords({ looks, quarters, peak, growth, allowed, isFlat }: Trend, unit: string): string {
  const medians = quarters.map((m) => m.toFixed(0)).join(', ');
  const verdict = isFlat === null ? 'too short to judge' : isFlat ? 'flat' : 'NOT FLAT';
  const by = `${growth < 0 ? '' : '+'}${growth.toFixed(0)}, ${allowed.toFixed(0)} allowed`;
  return `${unit} by quarters ${medians} (peak ${peak.toFixed(0)}, ${looks} looks): ${by}: ${verdict}`;
}
