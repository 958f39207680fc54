/**
 * How the next token is chosen from what a model says of it: temperature, the likeliest k, the likeliest that reach p, a draw.
 *
 * Pure but for the softmax, which the backend computes. What the contexts are, and when a sample ends, is in sample.ts.
 */
import { mul, softmax, type Tensor } from '../core/tensor/index.ts';

export interface Choosing {
  /** Divides the logits: below 1 safer, above 1 wilder; 0 takes the likeliest token. */
  readonly temperature: number;
  /** Draw among so many of the likeliest tokens. */
  readonly topK?: number | undefined;
  /** Draw among the fewest of the likeliest tokens whose probabilities reach this (nucleus sampling, Holtzman et al. 2020). */
  readonly topP?: number | undefined;
}

/** Colder than this, divided logits would overflow; long before, the likeliest token is certain. */
const COLDEST = 1e-30;

const isGreedy = ({ temperature }: Choosing): boolean => temperature < COLDEST;

/** What `choose` chooses by: the probabilities at the temperature, or the logits themselves where the largest is taken. */
export function weigh(logits: Tensor, choosing: Choosing): Tensor {
  return isGreedy(choosing) ? logits : softmax(mul(logits, 1 / choosing.temperature));
}

/**
 * The id of the next token. Of tokens that are equally likely, the one with the smallest id comes first in every choice.
 *
 * With both limits, `topP` is a part of what the `topK` likeliest have. Limits that leave nothing out change nothing.
 *
 * @param weights what `weigh` gives, of every id
 * @param u drawn from [0, 1)
 */
export function choose(weights: ArrayLike<number>, choosing: Choosing, u: number): number {
  if (isGreedy(choosing)) return largest(weights);
  const kept = keep(weights, choosing);
  return kept === null ? draw(weights, u) : drawAmong(weights, kept, u);
}

/** The first of the largest. */
function largest(weights: ArrayLike<number>): number {
  let best = 0;
  for (let id = 1; id < weights.length; id++) if (at(weights, id) > at(weights, best)) best = id;
  return best;
}

/** The ids that may be drawn, ascending; null if all may. */
function keep(probabilities: ArrayLike<number>, { topK, topP = 1 }: Choosing): number[] | null {
  const size = probabilities.length;
  const most = Math.min(topK ?? size, size);
  if (most === size && topP >= 1) return null;
  const ids = Array.from({ length: size }, (_, id) => id);
  const likeliest = ids.sort((a, b) => at(probabilities, b) - at(probabilities, a) || a - b).slice(0, most);
  return (topP < 1 ? nucleus(probabilities, likeliest, topP) : likeliest).sort((a, b) => a - b);
}

/** The first of `likeliest` that together have at least the part p of what all of it has: always one. */
function nucleus(probabilities: ArrayLike<number>, likeliest: readonly number[], p: number): number[] {
  const reach = p * total(probabilities, likeliest);
  let cumulative = 0;
  const last = likeliest.findIndex((id) => {
    cumulative += at(probabilities, id);
    return cumulative >= reach;
  });
  return likeliest.slice(0, last < 0 ? undefined : last + 1);
}

/** The id at which the cumulative distribution passes u. */
function draw(probabilities: ArrayLike<number>, u: number): number {
  let cumulative = 0;
  for (let id = 0; id < probabilities.length; id++) {
    cumulative += at(probabilities, id);
    if (u < cumulative) return id;
  }
  return probabilities.length - 1;
}

/** The same among some ids, ascending, whose probabilities are made to sum to one. */
function drawAmong(probabilities: ArrayLike<number>, ids: readonly number[], u: number): number {
  const until = u * total(probabilities, ids);
  let [cumulative, chosen] = [0, 0];
  for (const id of ids) {
    cumulative += at(probabilities, id);
    chosen = id;
    if (until < cumulative) break;
  }
  return chosen;
}

function total(probabilities: ArrayLike<number>, ids: readonly number[]): number {
  let sum = 0;
  for (const id of ids) sum += at(probabilities, id);
  return sum;
}

const at = (numbers: ArrayLike<number>, i: number): number => numbers[i] ?? 0;
