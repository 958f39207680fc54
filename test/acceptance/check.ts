/** What an acceptance check is: one thing that a lecture showed, and how it is seen here. Knows no lecture, runs nothing. */

/** Numbers by name that a check found, for those that compare several. */
export type Values = Readonly<Record<string, number>>;

export interface Outcome {
  /** For the table, next to the lecture's. */
  readonly ours: string;
  readonly holds: boolean;
  readonly values?: Values;
}

export interface Check {
  /** `3-mlp-200k`: the section, and what it is about. */
  readonly id: string;
  /**
   * Of acceptance, as the lectures are numbered: 1 micrograd, 2 bigrams, 3 MLP, 4 batch norm, 5 backprop, 6 WaveNet, 7 GPT,
   * 9 tokenizers.
   */
  readonly section: number;
  readonly what: string;
  /** What the lecture showed. */
  readonly lecture: string;
  /** Seconds rather than minutes: run by `--quick`, and by the tests. */
  readonly quick: boolean;
  /** The data that it cannot do without. */
  readonly needs: 'names.txt' | 'tinyshakespeare.txt' | 'taylorswift.txt' | null;
  readonly seeds: string;
  /** How a reader sees the same. */
  readonly command: string;
  /** Checks whose values this one is about; it is run after them. */
  readonly after?: readonly string[];
  /** @param of what those checks found */
  run(of: (id: string) => Values): Promise<Outcome>;
}

/** One number, equal to the lecture's in all the digits that the lecture shows. */
export function digits(expected: string, actual: number): Outcome {
  const decimals = expected.replaceAll(',', '').split('.')[1]?.length ?? 0;
  const shown = actual.toFixed(decimals).replace('-', '−');
  const plain = (text: string) => text.replaceAll(',', '').replace('-', '−');
  return {
    ours: decimals === 0 ? withCommas(shown) : shown,
    holds: plain(expected) === shown,
    values: { value: actual },
  };
}

/** Several numbers, each equal to the lecture's in all digits; `expected` is a list with commas and blanks between. */
export function allDigits(expected: string, actual: readonly number[]): Outcome {
  const wanted = expected.split(', ');
  const each = actual.map((value, i) => digits(wanted[i] ?? '', value));
  return {
    ours: each.map(({ ours }) => ours).join(', '),
    holds: wanted.length === actual.length && each.every((o) => o.holds),
  };
}

/** A statement that is true or not; `ours` says what was found. */
export const fact = (ours: string, holds: boolean, values?: Values): Outcome =>
  values === undefined ? { ours, holds } : { ours, holds, values };

const withCommas = (text: string): string => text.replaceAll(/\B(?=(\d{3})+(?!\d))/g, ',');

/** A check that takes a moment, and is made by the harness alone. */
export function quick(
  id: string,
  what: string,
  lecture: string,
  run: () => Promise<Outcome> | Outcome,
  options: Partial<Pick<Check, 'needs' | 'seeds' | 'command'>> = {},
): Check {
  const { needs = null, seeds = '', command = `npm run acceptance -- --only ${id}` } = options;
  return { id, section: Number(id[0]), what, lecture, quick: true, needs, seeds, command, run: async () => run() };
}
