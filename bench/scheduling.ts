/**
 * What the coordinator's logic costs with hundreds of workers: its machine alone, in virtual time. Workers of random paces
 * answer when their work would be done; printed are the milliseconds that the machine itself takes a step, and
 * how long a step lasts in virtual time compared with the work divided by the speed of all.
 *
 *   node bench/scheduling.ts [--workers 50,100,200,400] [--steps 60] [--spread 10] [--json]
 */
import { parseArgs } from 'node:util';
import { type Action, type Event, Machine, type Plan } from '../coordinator/machine/machine.ts';
import { Site, Stream } from '../core/random/streams.ts';
import { machineInWords, thisMachine } from './machine.ts';
import { median } from './timing.ts';

const SLOTS = 4;
/** Micro-batches a step, for each slot. */
const PER_SLOT = 4;
/** Milliseconds a micro-batch of the fastest workers. */
const FASTEST_MS = 5;
/** By how much a lease may take longer or shorter than its worker's usual. */
const JITTER = 0.2;
const TICK_MS = 100;
/** Steps in which the machine learns the paces, and the compiler the machine. */
const WARM_UP = 10;

interface Figures {
  readonly workers: number;
  readonly microBatches: number;
  /** Milliseconds in the machine, of the median step; and of the fastest tenth, which says more where others are at work. */
  readonly medianMs: number;
  readonly fastMs: number;
  readonly events: number;
  /** Virtual duration of a step, over that of the same work divided as finely as one likes. */
  readonly overIdeal: number;
}

/** Answers to come, soonest first: a binary heap. */
class Agenda {
  readonly #heap: { readonly at: number; readonly event: Event }[] = [];

  push(at: number, event: Event): void {
    const heap = this.#heap;
    let i = heap.push({ at, event }) - 1;
    for (let up = (i - 1) >> 1; i > 0 && at < (heap[up]?.at ?? 0); i = up, up = (i - 1) >> 1) this.#swap(i, up);
  }

  pop(): { readonly at: number; readonly event: Event } | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2])
        if ((heap[child]?.at ?? Number.POSITIVE_INFINITY) < (heap[least]?.at ?? 0)) least = child;
      if (least === i) return first;
      this.#swap(i, least);
      i = least;
    }
  }

  #swap(i: number, j: number): void {
    const [a, b] = [this.#heap[i], this.#heap[j]];
    if (a !== undefined && b !== undefined) [this.#heap[i], this.#heap[j]] = [b, a];
  }
}

/**
 * Plays a run in virtual time. After each step, a second machine lives through it again with nothing else in between: that is
 * what is measured.
 * @param spread the slowest worker's pace over the fastest's
 */
function measure(workers: number, steps: number, spread: number): Figures {
  const microBatches = workers * SLOTS * PER_SLOT;
  const stream = new Stream(workers, Site.sample);
  let drawn = 0;
  const draw = () => stream.uniform(drawn++);
  const paces = Array.from({ length: workers }, () => FASTEST_MS * spread ** draw());
  const plan: Plan = {
    startStep: 0,
    steps: WARM_UP + steps,
    microBatches,
    evalMicroBatches: { train: 1, val: 1 },
    evalEvery: 0,
    checkpointEvery: 0,
    diagnoseEvery: 0,
    verify: 'off',
  };
  const [machine, measured] = [new Machine(plan), new Machine(plan)];
  const agenda = new Agenda();
  let passed: { readonly at: number; readonly event: Event }[] = [];
  const spent: number[] = [];
  const made: number[] = [];
  let now = 0;
  let events = 0;
  const again = () => {
    const before = performance.now();
    for (const { at, event } of passed) measured.handle(event, at);
    spent.push(performance.now() - before);
    made.push(now);
    if (spent.length > WARM_UP) events += passed.length;
    passed = [];
  };
  const tell = (event: Event) => {
    const actions = machine.handle(event, now);
    passed.push({ at: now, event });
    for (const action of actions) act(action);
  };
  const act = (action: Action) => {
    if (action.type === 'assign') {
      const { worker, round, block } = action;
      const ms = (paces[worker] ?? 0) * block.size * (1 + JITTER * (2 * draw() - 1));
      agenda.push(now + ms, { type: 'result', worker, round: round.id, block, suspect: false, agrees: null });
    } else if (action.type === 'commit' && action.round.mode === 'train') again();
  };
  for (let worker = 0; worker < workers; worker++)
    tell({ type: 'joined', worker, slots: SLOTS, local: true, trusted: true, identity: null });
  agenda.push(TICK_MS, { type: 'tick' });
  tell({ type: 'start' });
  for (let next = agenda.pop(); next !== undefined && made.length < plan.steps; next = agenda.pop()) {
    now = next.at;
    tell(next.event);
    if (next.event.type === 'tick') agenda.push(now + TICK_MS, next.event);
  }
  const speed = paces.reduce((sum, pace) => sum + SLOTS / pace, 0);
  const lasted = ((made.at(-1) ?? 0) - (made[WARM_UP - 1] ?? 0)) / steps;
  return {
    workers,
    microBatches,
    medianMs: median(spent.slice(WARM_UP)),
    fastMs: spent.slice(WARM_UP).sort((a, b) => a - b)[Math.floor(steps / 10)] ?? 0,
    events: Math.round(events / steps),
    overIdeal: lasted / (microBatches / speed),
  };
}

const { values } = parseArgs({
  options: {
    workers: { type: 'string', default: '50,100,200,400' },
    steps: { type: 'string', default: '60' },
    spread: { type: 'string', default: '10' },
    json: { type: 'boolean', default: false },
  },
});
const [steps, spread] = [Number(values.steps), Number(values.spread)];
if (!values.json) {
  console.log(machineInWords(thisMachine()));
  console.log(`${SLOTS} slots a worker, paces over a range of ${spread} to 1\n`);
  console.log('workers  micro-batches  events a step  machine, ms a step (median, fastest tenth)  duration over ideal');
}
for (const workers of values.workers.split(',').map(Number)) {
  const figures = measure(workers, steps, spread);
  if (values.json) console.log(JSON.stringify(figures));
  else {
    const { microBatches, events, medianMs, fastMs, overIdeal } = figures;
    const cells = [microBatches, events, medianMs.toFixed(3), fastMs.toFixed(3), overIdeal.toFixed(2)];
    const widths = [13, 13, 26, 16, 19];
    console.log(
      [String(workers).padStart(7), ...cells.map((cell, i) => String(cell).padStart(widths[i] ?? 0))].join('  '),
    );
  }
}
