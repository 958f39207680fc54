/** The loop of a fuzz: case after case through a subject, each piece measured and judged. Runs in thread.ts's thread. */
import { begin } from './allocation.ts';
import { Draws } from './draws.ts';
import type { Case, Outcome, Subject, Verdict } from './subject.ts';
import { Violation } from './subject.ts';

/** Of the heap, beyond what a piece's own size explains: code that is compiled, caches that fill. */
const HEAP_SLACK_BYTES = 2 * 1024 ** 2;

/** What happened so far. */
export interface Figures {
  cases: number;
  /** Pieces given, and of those the ones of a case that was mutated. */
  pieces: number;
  mutated: number;
  bytes: number;
  /** How often each label was given, and each mutation made. */
  readonly outcomes: Record<string, number>;
  readonly mutations: Record<string, number>;
  /** Of one piece, in bytes: the most that it asked for of arrays, and that memory grew by, its size explaining a part. */
  mostAsked: number;
  mostGrown: number;
  /** The most of the slack that one piece used. */
  mostSlack: number;
}

export interface Failure {
  readonly seed: number;
  readonly index: number;
  readonly piece: number;
  readonly reason: string;
}

export interface Work {
  readonly seed: number;
  /** Pieces of mutated cases to give, or a few more: a case is finished once begun. */
  readonly pieces: number;
  /** The one case to run instead, and to tell of each piece. */
  readonly only?: number;
  /** Told before each piece. */
  readonly beat: (index: number, piece: number) => void;
  /** Told now and then, and at the end. */
  readonly progress: (figures: Figures) => void;
  readonly tell: (piece: number, verdict: Verdict) => void;
}

/** @returns the first failure, or null */
export async function fuzz(subject: Subject, work: Work): Promise<Failure | null> {
  const { seed, only } = work;
  const figures: Figures = {
    ...{ cases: 0, pieces: 0, mutated: 0, bytes: 0, mostAsked: 0, mostGrown: 0, mostSlack: 0 },
    outcomes: {},
    mutations: {},
  };
  let reported = performance.now();
  for (let index = only ?? 0; figures.mutated < work.pieces; index++) {
    work.beat(index, 0);
    const made = subject.make(new Draws(seed, index));
    const reason = await runCase(subject, made, index, figures, work);
    if (reason !== null) {
      work.progress(figures);
      return { seed, index, ...reason };
    }
    if (only !== undefined) break;
    if (performance.now() - reported > 1000) {
      reported = performance.now();
      work.progress(figures);
    }
  }
  work.progress(figures);
  return null;
}

async function runCase(
  subject: Subject,
  made: Case,
  index: number,
  figures: Figures,
  work: Work,
): Promise<{ piece: number; reason: string } | null> {
  figures.cases++;
  for (const name of made.mutations) figures.mutations[name] = (figures.mutations[name] ?? 0) + 1;
  const receiver = subject.open(made);
  let piece = 0;
  try {
    for (const bytes of made.pieces) {
      work.beat(index, piece);
      figures.pieces++;
      figures.bytes += bytes.length;
      if (made.mutations.length > 0) figures.mutated++;
      const allowance = receiver.allowance(bytes);
      const spent = begin(allowance);
      let outcome: Outcome;
      try {
        const given = receiver.take(bytes);
        outcome = { value: given instanceof Promise ? await given : given };
      } catch (error) {
        outcome = { error };
      }
      const { asked, grown } = spent();
      if (asked > allowance) throw new Violation(`${asked} bytes were asked for, of at most ${allowance}`);
      const explained = subject.heapEach * bytes.length + allowance;
      if (grown > explained + HEAP_SLACK_BYTES)
        throw new Violation(`memory grew by ${grown} bytes, of which its size explains ${explained}`);
      figures.mostAsked = Math.max(figures.mostAsked, asked);
      figures.mostGrown = Math.max(figures.mostGrown, grown);
      figures.mostSlack = Math.max(figures.mostSlack, grown - explained);
      const verdict = receiver.judge(bytes, outcome);
      figures.outcomes[verdict.label] = (figures.outcomes[verdict.label] ?? 0) + 1;
      work.tell(piece, verdict);
      for (const key in {}) throw new Violation(`every object now has a ${key}`);
      if (verdict.over) return null;
      piece++;
    }
    receiver.finish?.();
    return null;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    return { piece, reason: error.message };
  }
}
