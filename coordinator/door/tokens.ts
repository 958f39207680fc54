/**
 * Whose token a worker brings: the run's own, which all workers may share, or one of a file's. The file is read again when it
 * changes, so that a token that is revoked counts no more from then on.
 */
import { type Bearer, bearerOf, type Identify } from './bearer.ts';
import { hashOf, readTokens } from './tokenFile.ts';
import { watchFiles } from './watch.ts';

export interface TokenOptions {
  /** The run's own token; null if only those of the file count. */
  readonly shared: string | null;
  /** A file of workers' tokens (tokenFile.ts); null if there is none. */
  readonly file: string | null;
  /** Told, in a sentence, when the file cannot be read any more: what it last said holds until it can. */
  readonly onProblem: (sentence: string) => void;
}

export interface Tokens {
  readonly identify: Identify;
  /** Calls when the file has changed, from then on. */
  watch(changed: () => void): void;
  /** Looks at the file no more. */
  close(): void;
}

/** @throws UserError if the file cannot be read */
export function openTokens({ shared, file, onProblem }: TokenOptions): Tokens {
  const isShared = shared === null ? () => null : bearerOf(shared);
  if (file === null) return { identify: isShared, watch: () => {}, close: () => {} };
  let tell = () => {};
  const { first, end } = watchFiles(
    [file],
    () => readBearers(file),
    (read) => {
      bearers = read;
      tell();
    },
    (sentence) => onProblem(`The tokens stay as they were: ${sentence}`),
  );
  let bearers = first;
  return {
    identify: (token) => isShared(token) ?? bearers.get(hashOf(token)) ?? null,
    watch: (changed) => {
      tell = changed;
    },
    close: end,
  };
}

function readBearers(file: string): ReadonlyMap<string, Bearer> {
  return new Map(readTokens(file).map(({ sha256, name, trusted }) => [sha256, { name, trusted }]));
}
