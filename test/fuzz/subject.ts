/**
 * What can be fuzzed: something that makes a case from draws, and something that takes the case's bytes piece by piece and
 * says of each what came of it. run.ts brings the two together and measures; a subject knows nothing of that.
 *
 * A whole door can be a subject like any other: `take` hands a frame to it over a link in memory, `judge` reads what it did.
 */
import type { Draws } from './draws.ts';

export interface Case {
  /** What arrives, in order: the frames of one connection, or one file. */
  readonly pieces: readonly Uint8Array[];
  /** What was done to it, by name; none of a case that must be taken as it is. */
  readonly mutations: readonly string[];
}

export type Outcome = { readonly value: unknown } | { readonly error: unknown };

export interface Verdict {
  /** What to count this as. */
  readonly label: string;
  /** Nothing more is given to this receiver: its connection would be closed, or its file is read. */
  readonly over: boolean;
}

export interface Receiver {
  /** Calls the code under test and nothing else: its time and memory are measured. May throw or reject. */
  take(piece: Uint8Array): unknown;
  /** The most bytes that `take` may ask to be allocated for this piece. */
  allowance(piece: Uint8Array): number;
  /** Judges what `take` gave or threw. @throws Violation */
  judge(piece: Uint8Array, outcome: Outcome): Verdict;
  /** After the last piece. @throws Violation */
  finish?(): void;
}

export interface Subject<C extends Case = Case> {
  readonly name: string;
  /** Everything that may be done to a case, by name: a long run must have done all of it. */
  readonly mutations: readonly string[];
  /** What a byte of a piece may come to on the heap, in bytes, arrays aside. */
  readonly heapEach: number;
  /** Pure: the same draws make the same case. */
  make(draws: Draws): C;
  /** What takes the case. */
  open(made: C): Receiver;
}

/** A promise was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

/** Of JSON: `{},` comes to 65 bytes. */
export const JSON_HEAP_EACH = 26;

/** The violation that an error is which nobody should have thrown. */
export function thrown(error: unknown): Violation {
  return new Violation(`threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
}
