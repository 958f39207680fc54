/**
 * What is read from files that may change while they are used. It looks at them now and then: a file that is replaced by another,
 * or reached through a link that is turned elsewhere (as Kubernetes does with its secrets), is seen to change like any other; one
 * that is being written is waited for.
 */
import { statSync } from 'node:fs';
import { UserError } from '../../core/errors.ts';

const LOOK_MS = 1000;

export interface Watch<T> {
  /** What was read at first. */
  readonly first: T;
  end(): void;
}

/**
 * Reads at once, and again when the files have become others and have stayed so for a second.
 * @param changed told what was read again
 * @param problem told, in a sentence, when that could not be: what was read before holds
 * @throws what `read` does, the first time
 */
export function watchFiles<T>(
  files: readonly string[],
  read: () => T,
  changed: (value: T) => void,
  problem: (sentence: string) => void,
): Watch<T> {
  // Looked at first: what changes between the two is read again.
  let told = lookOf(files);
  const first = read();
  let seen = told;
  const again = () => {
    try {
      changed(read());
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      problem(error.message);
    }
  };
  const timer = setInterval(() => {
    const now = lookOf(files);
    const settled = now === seen && now !== told;
    seen = now;
    if (!settled) return;
    told = now;
    again();
  }, LOOK_MS);
  timer.unref();
  return { first, end: () => clearInterval(timer) };
}

/** A text that is another one once a file is. */
function lookOf(files: readonly string[]): string {
  const looks = files.map((file) => {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? 'missing' : [stat.dev, stat.ino, stat.size, stat.mtimeMs, stat.ctimeMs].join(' ');
  });
  return looks.join('\n');
}
