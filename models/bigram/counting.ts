/**
 * The bigram model by counting: how often each character follows each, and from that how probable it is. Plain numbers in
 * double precision; no tensors, no training.
 */
import { BOUNDARY, BOUNDARY_ID, type Vocabulary } from '../../core/data/vocabulary.ts';

/** Row i is about what follows character i; column j is the character that does. The boundary "." is character 0. */
export type Table = readonly Float64Array[];

/** How often each character follows each, in words that begin and end with the boundary. */
export function count(words: readonly string[], vocabulary: Vocabulary): Table {
  const table = Array.from({ length: vocabulary.vocabSize }, () => new Float64Array(vocabulary.vocabSize));
  for (const word of words) for (const [first, next] of bigrams(word, vocabulary)) table[first][next]++;
  return table;
}

/** Counts as probabilities: each row is divided by its sum. @param smoothing added to every count beforehand */
export function probabilities(counts: Table, smoothing = 0): Table {
  return counts.map((row) => {
    const total = sum(row) + smoothing * row.length;
    // A character that nothing follows has no probabilities.
    return row.map((n) => (total === 0 ? 0 : (n + smoothing) / total));
  });
}

/** A pair of a word, and what the model says of it. */
export interface Pair {
  /** `.e` */
  readonly pair: string;
  readonly probability: number;
  readonly log: number;
}

/** The pairs of some words, one after the other. @throws UserError on a character that is not in the vocabulary */
export function pairs(words: readonly string[], vocabulary: Vocabulary, model: Table): Pair[] {
  return words.flatMap((word) =>
    bigrams(word, vocabulary).map(([first, next]) => {
      const probability = model[first][next];
      const pair = `${vocabulary.symbols[first]}${vocabulary.symbols[next]}`;
      return { pair, probability, log: Math.log(probability) };
    }),
  );
}

export interface Likelihood {
  /** The logarithm of the probability of all words together; −∞ if the model holds one for impossible. */
  readonly log: number;
  readonly bigrams: number;
  /** The mean negative log-likelihood of a bigram. */
  readonly loss: number;
}

/** How probable some words are. @throws UserError on a character that is not in the vocabulary */
export function likelihood(words: readonly string[], vocabulary: Vocabulary, model: Table): Likelihood {
  let [log, n] = [0, 0];
  for (const word of words)
    for (const [first, next] of bigrams(word, vocabulary)) {
      log += Math.log(model[first][next]);
      n++;
    }
  return { log, bigrams: n, loss: -log / n };
}

/** How often a pair, such as `.e`, was counted. @throws UserError on a character that is not in the vocabulary */
export function countOf(pair: string, counts: Table, vocabulary: Vocabulary): number {
  const [first, next] = [...pair].map((c) => (c === BOUNDARY ? BOUNDARY_ID : vocabulary.encode(c)[0]));
  return counts[first][next];
}

/**
 * How far two models are from each other on the words that were counted: the mean over all their bigrams of the total
 * variation between the two rows that say what comes next. 0 where they are the same, 1 where they share nothing.
 */
export function distance(counts: Table, one: Table, other: Table): number {
  const all = counts.reduce((n, row) => n + sum(row), 0);
  const ofRow = (i: number) => one[i].reduce((total, p, j) => total + Math.abs(p - other[i][j]), 0) / 2;
  return counts.reduce((total, row, i) => total + (sum(row) / all) * ofRow(i), 0);
}

function bigrams(word: string, vocabulary: Vocabulary): (readonly [number, number])[] {
  const ids = [...vocabulary.encode(word), BOUNDARY_ID];
  return ids.map((id, i) => [i === 0 ? BOUNDARY_ID : ids[i - 1], id]);
}

const sum = (row: Float64Array): number => row.reduce((a, b) => a + b, 0);
