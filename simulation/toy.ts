/** Something small to learn, for simulated runs: what matters in them is who computes, and not what. */
import { createHash } from 'node:crypto';
import type { LoadedLines } from '../core/data/load.ts';

const LINES = ['ab', 'ba', 'abc', 'cab', 'bca', 'acb', 'ccab', 'aabb', 'abab', 'bbca', 'cc', 'aca', 'cba', 'bac', 'bb'];

/** Characters: a, b, c, and the mark of a line's beginning and end. */
export const TOY_VOCABULARY = 4;

const loaded: LoadedLines = {
  kind: 'lines',
  lines: LINES,
  numbers: LINES.map((_, i) => i + 1),
  name: 'toy lines',
  sha256: createHash('sha256').update(LINES.join('\n')).digest('hex'),
};

export const loadToyData = (): Promise<LoadedLines> => Promise.resolve(loaded);
