/**
 * Random schedules: a world drawn from a seed, with faults at drawn moments, and what must hold of it all the same: the run ends,
 * with the bits of an undisturbed one, and its ledger has every micro-batch of every step once. The seed alone replays it.
 */
import { PLAIN, type RunOptions } from '../coordinator/options.ts';
import { parseRecipe, type Recipe } from '../models/recipe.ts';
import { Dice } from './dice.ts';
import { FAULT_NAMES, FAULTS, type FaultName } from './faults.ts';
import { LOCAL, type Shape } from './host.ts';
import { ledgerFault } from './ledger.ts';
import { LIE_NAMES, type Liar } from './liars.ts';
import { type Injection, Moments } from './moments.ts';
import { type WorkerPlan, World } from './world.ts';

/** What is trained: with batch norm and an uneven last micro-batch, with dropout's place taken by nothing, and a plain table. */
export const RECIPES: readonly Recipe[] = [
  {
    model: { name: 'mlp', blockSize: 2, embeddingDim: 3, hidden: 6 },
    batch: 30,
    microBatch: 4,
    optimizer: { name: 'adamw' },
    clipGradNorm: 1,
  },
  { model: { name: 'bigram', blockSize: 1 }, batch: 24, microBatch: 1, optimizer: { name: 'sgd', momentum: 0.9 } },
  // Long enough for a worker to be proven, and to lie then.
  { model: { name: 'bigram', blockSize: 1 }, batch: 16, microBatch: 1, steps: 40, optimizer: { name: 'sgd' } },
].map((recipe) =>
  parseRecipe(
    { steps: 8, ...recipe, data: { source: 'toy' }, seed: 5, schedule: { name: 'constant', lr: 0.05 } },
    'a toy recipe',
  ),
);

const SHAPES: Readonly<Record<string, Shape>> = {
  local: LOCAL,
  office: { upMbit: 1000, downMbit: 1000, latencyMs: 1, jitterMs: 0.5 },
  home: { upMbit: 10, downMbit: 100, latencyMs: 20, jitterMs: 10 },
  phone: { upMbit: 1, downMbit: 5, latencyMs: 80, jitterMs: 60 },
  satellite: { upMbit: 0.5, downMbit: 5, latencyMs: 600, jitterMs: 200 },
};

/** Everything in a schedule that is drawn. */
export interface Schedule {
  readonly seed: number;
  readonly recipe: Recipe;
  readonly run: RunOptions;
  readonly workers: readonly WorkerPlan[];
  readonly threads: number;
  readonly msPerMicroBatch: number;
  readonly diskMs: number;
  readonly faults: readonly { readonly fault: FaultName; readonly at: string; readonly nth: number }[];
}

/** A day. */
const LIMIT_MS = 24 * 3600 * 1000;

/** What happens now and then in any run, at which a fault may strike. */
export const MOMENTS: readonly string[] = [
  ...['before', 'after'].flatMap((when) => [
    ...['hello', 'result'].flatMap((kind) => [
      `worker ${when} sending ${kind}`,
      `coordinator ${when} receiving ${kind}`,
    ]),
    ...['welcome', 'state', 'work'].flatMap((kind) => [
      `coordinator ${when} sending ${kind}`,
      `worker ${when} receiving ${kind}`,
    ]),
    ...['open', 'write', 'sync', 'rename'].map((op) => `disk ${when} ${op} checkpoint`),
    ...['write', 'sync'].flatMap((op) => [`disk ${when} ${op} log`, `disk ${when} ${op} ledger`]),
    ...['config', 'summary'].flatMap((file) => ['write', 'sync', 'rename'].map((op) => `disk ${when} ${op} ${file}`)),
    `disk ${when} syncFolder folder`,
  ]),
  'worker computing',
  'coordinator computing',
  'run open train',
  'run open eval',
  'run commit',
  'run evaluated',
  'run checkpoint written',
];

export function draw(seed: number): Schedule {
  const dice = new Dice(seed, 'schedule');
  const recipe = dice.pick(RECIPES);
  const verify = dice.pick(['off', 'off', 'adaptive', 'all'] as const);
  const crowd = dice.chance(0.01) ? 100 + dice.below(200) : 1 + dice.below(6);
  const workers = Array.from({ length: crowd }, (_, i): WorkerPlan => {
    const shape = SHAPES[dice.pick(Object.keys(SHAPES))] ?? LOCAL;
    const liar = verify !== 'off' && dice.chance(0.4) ? drawLiar(dice) : undefined;
    return {
      name: `w${i}`,
      shape,
      ...(liar === undefined ? {} : { liar }),
      ...(dice.chance(0.2) ? { identity: `w${i}` } : {}),
      threads: 1 + dice.below(3),
      msPerMicroBatch: 2 ** dice.between(0, 9),
      spread: dice.between(0, 0.9),
      comesAt: dice.chance(0.3) ? dice.between(0, 20) : 0,
    };
  });
  return {
    seed,
    recipe,
    run: {
      ...PLAIN,
      verify,
      checkpointEvery: dice.pick([0, 1, 3, 5]),
      checkpointSeconds: dice.pick([0, 0, 5]),
      keepCheckpoints: 1 + dice.below(3),
      keepEvery: dice.pick([0, 4]),
      evalEvery: dice.pick([0, 3]),
      diagnoseEvery: dice.pick([0, 0, 4]),
    },
    workers,
    // Where results are checked, there must be somebody to check them.
    threads: verify === 'off' ? dice.below(3) : 1 + dice.below(2),
    msPerMicroBatch: 2 ** dice.between(0, 8),
    diskMs: dice.pick([0, 0, 5, 50]),
    faults: Array.from({ length: 1 + dice.below(5) }, () => ({
      fault: dice.pick(FAULT_NAMES),
      at: dice.pick(MOMENTS),
      nth: 1 + Math.floor(2 ** dice.between(0, 5)),
    })),
  };
}

function drawLiar(dice: Dice): Liar {
  return { lie: dice.pick(LIE_NAMES), after: dice.pick([0, 0, 5, 20]), every: 1 + dice.below(8) };
}

export interface Played {
  /** Faults that struck something, in order. */
  readonly fired: readonly FaultName[];
  readonly paramsSha256: string;
  readonly buffersSha256: string;
  readonly simulatedMs: number;
  readonly events: number;
  readonly lives: number;
  /** Liars that were found out, and how often the run went back for one. */
  readonly foundOut: readonly string[];
  readonly rollbacks: number;
  /** Lies that may have slipped through: none is in the parameters where everything is checked. */
  readonly escaped: number;
}

const references = new Map<Recipe, Promise<Played>>();

/** The same recipe on one thread, undisturbed. */
function referenceOf(recipe: Recipe): Promise<Played> {
  const known = references.get(recipe);
  if (known !== undefined) return known;
  const schedule = { seed: 0, recipe, run: PLAIN, workers: [], threads: 1, msPerMicroBatch: 1, diskMs: 0, faults: [] };
  const reference = simulate(schedule);
  references.set(recipe, reference);
  return reference;
}

/** Plays a schedule to its end. @throws Error if it does not end, or its ledger does not add up */
export async function simulate(schedule: Schedule): Promise<Played> {
  const { recipe, faults } = schedule;
  const fired: FaultName[] = [];
  const injections: Injection[] = faults.map(({ fault, at, nth }) => ({
    at,
    nth,
    strike: (host) => {
      const hasStruck = FAULTS[fault](world, host);
      if (hasStruck) fired.push(fault);
      return hasStruck;
    },
  }));
  const world: World = new World({ ...schedule, moments: new Moments(injections) });
  const { paramsSha256, buffersSha256 } = await world.run(LIMIT_MS);
  const fault = ledgerFault(world.ledger(), recipe);
  if (fault !== null) throw new Error(fault);
  const { events } = world.time;
  const { lives, foundOut, rollbacks } = world;
  const { escaped } = world.lies;
  const simulatedMs = world.time.now();
  return { fired, paramsSha256, buffersSha256, simulatedMs, events, lives, foundOut, rollbacks, escaped };
}

/** Plays the schedule of a seed. @throws Error, with the seed, unless all that must hold does */
export async function check(schedule: Schedule): Promise<Played> {
  const reference = await referenceOf(schedule.recipe);
  const played = await simulate(schedule).catch((cause: unknown) => {
    throw new Error(`schedule ${schedule.seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  });
  // A lie that nobody looks into stays: `adaptive` promises no more than that few do.
  if (schedule.run.verify === 'adaptive' && played.escaped > 0) return played;
  if (played.paramsSha256 !== reference.paramsSha256 || played.buffersSha256 !== reference.buffersSha256)
    throw new Error(`schedule ${schedule.seed}: other bits than undisturbed`);
  return played;
}
