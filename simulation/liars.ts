/** Workers that make up what they answer, in the ways that one might think of, all the time or now and then. */
import type { Result } from '../core/protocol/work.ts';
import type { Forge } from './threads.ts';

type Lie = (result: Result) => Result;

const scaled =
  (factor: number): Lie =>
  (result) => ({ ...result, gradient: result.gradient.map((g) => g * factor) });

/** Begins to lie, by what it is that is sent in place of a result: of the right lengths and finite. Other things are found out at once. */
const LIES = {
  'scaled up': () => scaled(100),
  'sign flipped': () => scaled(-1),
  zeros: () => scaled(0),
  'a bit off': () => (result) => {
    const gradient = result.gradient.slice();
    gradient[0] = (gradient[0] ?? 0) + 1e-3;
    return { ...result, gradient };
  },
  'a better loss': () => (result) => ({ ...result, losses: result.losses.map((loss) => loss / 2) }),
  /** What the worker computed for the lie before. */
  replayed: () => {
    let last: Result | null = null;
    return (result) => {
      const old = last;
      last = result;
      return old?.gradient.length === result.gradient.length && old.statistics.length === result.statistics.length
        ? { ...result, gradient: old.gradient, statistics: old.statistics }
        : result;
    };
  },
} as const satisfies Record<string, () => Lie>;

type LieName = keyof typeof LIES;
export const LIE_NAMES = Object.keys(LIES) as LieName[];

/** A worker that is honest for so many results, and then lies about every so-manieth. */
export interface Liar {
  readonly lie: LieName;
  readonly after: number;
  readonly every: number;
}

/** @param told called for each result that is not what was computed */
export function forgeOf({ lie, after, every }: Liar, told: () => void): Forge {
  let answered = 0;
  const forge = LIES[lie]();
  return (result) => {
    answered++;
    if (answered <= after || (answered - after) % every !== 0) return result;
    const forged = forge(result);
    if (isSame(forged, result)) return result;
    told();
    return forged;
  };
}

const isSame = (a: Result, b: Result): boolean =>
  a === b ||
  (a.losses.every((loss, i) => loss === b.losses[i]) && a.gradient.every((g, i) => Object.is(g, b.gradient[i])));
