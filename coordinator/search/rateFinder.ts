/**
 * What a run with a rising learning rate says about rates (makemore 2's search; Smith, 2015: "Cyclical Learning Rates for
 * Training Neural Networks", its range test). Pure: losses in, findings out; it makes no run and draws nothing.
 */

export interface RateSearch {
  /** The rate of each step that was made. */
  readonly rates: readonly number[];
  /** The training loss of each step. */
  readonly losses: readonly number[];
  readonly smoothed: readonly number[];
  /** The rate of the lowest smoothed loss. */
  readonly valley: number;
  /** The rate at which training diverges; null if it did at none that was tried. */
  readonly diverges: number | null;
  readonly suggestion: number;
}

/** As in fastai's finder: a smoothed loss of so many times the lowest is taken for divergence. */
const DIVERGED = 4;
/** The smoothing's width (standard deviation), as a part of all steps: 0.06 of a decade where 1,000 steps cross three. */
const WIDTH = 1 / 50;

/**
 * The mean of each loss and its neighbours, weighted by a normal curve whose standard deviation is a fiftieth of the steps
 * and which ends at three of them; at the ends, of the neighbours there are. Unlike a running average, which fastai uses, it
 * looks both ways and so does not move the valley to higher rates.
 */
export function smooth(losses: readonly number[]): number[] {
  const width = Math.max(1, losses.length * WIDTH);
  const reach = Math.ceil(3 * width);
  return losses.map((_, i) => {
    const first = Math.max(0, i - reach);
    let [total, weights] = [0, 0];
    for (const [j, loss] of losses.slice(first, i + reach + 1).entries()) {
      const weight = Math.exp(-(((first + j - i) / width) ** 2) / 2);
      total += weight * loss;
      weights += weight;
    }
    return total / weights;
  });
}

/**
 * Reads the search of `losses`, one for each of the rising `rates`.
 *
 * The suggestion is a tenth of the rate at which training diverges, but no more than the valley's: the best rate is usually
 * close to the largest that does not diverge (Bengio, 2012: "Practical Recommendations for Gradient-Based Training of Deep
 * Architectures", on the initial learning rate), and the edge found here, which each rate had one step to reach, is further
 * out than a long run would bear. If nothing diverged, it is the valley's rate. The steepest descent, which others suggest, says
 * little here: a fresh network falls steeply whatever the rate, since it first unlearns its initial values.
 *
 * @param brokeOff whether the numbers ran away at the step after the last one
 */
export function readSearch(rates: readonly number[], losses: readonly number[], brokeOff: boolean): RateSearch {
  const last = rates.at(-1);
  if (last === undefined || rates.length !== losses.length)
    throw new Error(`a search of ${rates.length} rates and ${losses.length} losses`);
  const smoothed = smooth(losses);
  const lowest = Math.min(...smoothed);
  const at = smoothed.indexOf(lowest);
  const up = smoothed.findIndex((loss, i) => i > at && loss > DIVERGED * lowest);
  const diverges = up >= 0 ? (rates[up] ?? last) : brokeOff ? last : null;
  const valley = rates[at] ?? last;
  return {
    rates,
    losses,
    smoothed,
    valley,
    diverges,
    suggestion: diverges === null ? valley : Math.min(valley, diverges / 10),
  };
}

/** The places of about `perDecade` evenly spaced rates of each decade: the first step's and the last's are among them. */
export function places(rates: readonly number[], perDecade: number): number[] {
  const [first, last] = [rates[0], rates.at(-1)];
  if (first === undefined || last === undefined) return [];
  const wanted = Math.round(Math.log10(last / first) * perDecade);
  const rows = Math.max(1, Math.min(wanted, rates.length - 1));
  const all = Array.from({ length: rows + 1 }, (_, row) => Math.round((row * (rates.length - 1)) / rows));
  return [...new Set(all)];
}

/** The losses that are worth showing: what has run away would press all else flat. */
export function shownRange({ smoothed }: Pick<RateSearch, 'smoothed'>): { least: number; most: number } {
  const least = Math.min(...smoothed);
  const cap = Math.max(DIVERGED * least, smoothed[0] ?? least);
  const most = Math.min(Math.max(...smoothed), cap);
  return { least, most: most > least ? most : least + 1 };
}
