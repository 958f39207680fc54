// A split as it is cut into leases, whatever kind of data it is of: contexts of lines, or windows of running text.

import type { Examples } from './contexts.ts';
import { gather } from './sampler.ts';

/**
 * What a recipe's data is taken for: one example a line, each a word that begins and ends, or running text, in which every
 * character follows the one before it.
 */
export type DataKind = 'lines' | 'text';

/** Inputs and targets of some examples, one after the other. Every example has as many as the next. */
export interface Rows {
  readonly x: Uint16Array<ArrayBuffer>;
  readonly y: Uint16Array<ArrayBuffer>;
}

export interface Dataset {
  /** The targets of an example: losses are per target. */
  readonly targets: number;
  /** How many examples there are for a step to draw from. */
  readonly count: number;
  /** The examples at some places below `count`. @throws RangeError on another place */
  draw(places: Uint32Array): Rows;
  /** How many examples an evaluation has. They have no target in common. */
  readonly evalCount: number;
  /** The examples from, ..., to - 1 of an evaluation. */
  evalRows(from: number, to: number): Rows;
}

/** The examples of lines, each with one target: an evaluation has those that a step draws from. */
export function contextDataset(examples: Examples): Dataset {
  const { x, y, count, blockSize } = examples;
  return {
    targets: 1,
    count,
    draw: (places) => gather(examples, places, 0, places.length),
    evalCount: count,
    evalRows: (from, to) => ({ x: x.slice(from * blockSize, to * blockSize), y: y.slice(from, to) }),
  };
}
