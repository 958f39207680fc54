/** What is to go wrong in a soak, and when: drawn from a seed before it begins. What is there to be hit then, time decides. */
import { UserError } from '../../core/errors.ts';
import { Stream } from '../../core/random/streams.ts';

export const KINDS = {
  kill: 'workers killed outright',
  pair: 'times two workers were killed at once',
  holding: 'workers killed while seen to hold a lease',
  leave: 'workers sent SIGTERM',
  freeze: 'workers frozen for a while',
  lost: 'workers frozen until they were given up, and come back',
  coordinator: 'coordinators killed',
} as const;

export type Kind = keyof typeof KINDS;

export interface Fault {
  /** Seconds since the soak began. */
  readonly at: number;
  readonly kind: Kind;
  /** From [0, 1): which of those who are there is hit. */
  readonly draw: number;
  /** How long a freeze lasts, in seconds. */
  readonly seconds: number;
}

export interface Form {
  readonly seed: number;
  readonly seconds: number;
  readonly coordinatorKills: number;
  /** The least and the most seconds from a worker's fault to the next one's. */
  readonly gap: readonly [least: number, most: number];
}

/** One of each before any comes again, with the commonest twice. */
const BAG = ['kill', 'pair', 'holding', 'leave', 'freeze', 'kill'] as const satisfies Kind[];
const FREEZE_SECONDS = [1, 6] as const;
/** A worker that is given up is frozen for up to 25 s; it must come back before the coordinator is killed. */
const LOST_SECONDS = 45;

/** Draws are told apart by what they are for. */
const Site = { gap: 1, kind: 2, victim: 3, freeze: 4, coordinator: 5, lost: 6 } as const;

/** The faults in order of time. @throws UserError if the time is too short for one of each kind */
export function planFaults({ seed, seconds, coordinatorKills, gap }: Form): Fault[] {
  const between = (site: number, i: number, [least, most]: readonly [number, number]) =>
    least + new Stream(seed, site).uniform(i) * (most - least);
  const faults: Omit<Fault, 'draw' | 'seconds'>[] = [];

  const life = seconds / (coordinatorKills + 1);
  for (let i = 0; i <= coordinatorKills; i++) {
    const from = i * life;
    if (i > 0)
      faults.push({ at: between(Site.coordinator, i, [from - life / 8, from + life / 8]), kind: 'coordinator' });
    const latest = from + (7 / 8) * life - LOST_SECONDS;
    const earliest = from + life / 8 + 5;
    if (latest > earliest) faults.push({ at: between(Site.lost, i, [earliest, latest]), kind: 'lost' });
  }

  let at = between(Site.gap, 0, gap);
  for (let i = 0; at < seconds; i++) {
    const order = new Stream(seed, Site.kind, Math.floor(i / BAG.length)).permutation(BAG.length);
    const kind = BAG[order[i % BAG.length] ?? 0] ?? 'kill';
    faults.push({ at, kind });
    at += between(Site.gap, i + 1, gap);
  }
  const missing = BAG.find((kind) => !faults.some((f) => f.kind === kind));
  if (missing !== undefined)
    throw new UserError(`in ${seconds} seconds there is no time for every kind of fault: give more with --minutes.`);
  return faults
    .toSorted((a, b) => a.at - b.at)
    .map((fault, i) => ({
      ...fault,
      draw: between(Site.victim, i, [0, 1]),
      seconds: between(Site.freeze, i, FREEZE_SECONDS),
    }));
}
