/** What a report shows, as plain data that survives JSON: made by collect.ts, drawn by page/. It holds no code. */
import type { Diagnostics, Samples } from '../../core/protocol/diagnostics.ts';

/** A part of the report, or one sentence that says why it is not there and how to get it. */
export type Part<T> = { readonly found: T } | { readonly absent: string };

/** A figure over the course of the run: of each bucket the mean, and the least and largest where buckets are of many steps. */
export interface Curve {
  readonly mean: readonly (number | null)[];
  readonly spread: { readonly min: readonly (number | null)[]; readonly max: readonly (number | null)[] } | null;
}

/** Columns of equal length, a bucket of steps each. */
export interface Course {
  /** The last step of each bucket. */
  readonly step: readonly number[];
  readonly loss: Curve;
  readonly lr: Curve;
  readonly gradNorm: Curve;
}

export interface Evaluation {
  readonly step: number;
  readonly split: 'train' | 'val';
  readonly loss: number;
}

export interface Summary {
  readonly model: string;
  readonly data: string;
  readonly parameters: number | null;
  readonly steps: { readonly made: number; readonly goal: number };
  readonly trainLoss: number | null;
  readonly valLoss: number | null;
  readonly tokensPerSecond: number | null;
  readonly seconds: number | null;
  readonly workers: readonly string[] | null;
  readonly paramsSha256: string | null;
  /** Tokens that the model chooses among. */
  readonly vocabSize: number | null;
  /** What losses are per. */
  readonly unit: 'character' | 'token';
}

/** The update:data ratio of every parameter that is a matrix, over more steps than there are snapshots. */
export interface Updates {
  readonly step: readonly number[];
  /** log10(std(update) / std(data)); null where that is no number. */
  readonly lines: readonly { readonly name: string; readonly log10: readonly (number | null)[] }[];
}

export interface Measured {
  /** Some of the recorded steps, the last one among them: oldest first. */
  readonly snapshots: readonly Diagnostics[];
  readonly updates: Updates;
}

export interface EmbeddingPoints {
  /** Where it is in the model. */
  readonly name: string;
  readonly dim: number;
  readonly points: readonly { readonly symbol: string; readonly x: number; readonly y: number }[];
  /** The part of the variance that the two axes hold; null where the embedding has no more than two dimensions. */
  readonly explained: number | null;
}

/** One head's attention: weights[i][j] is what position i takes from position j; rows sum to 1. */
export interface AttentionMap {
  readonly layer: string;
  readonly head: string;
  readonly weights: readonly (readonly number[])[];
}

export interface Attention {
  /** The symbols of the context, as many as there are positions. */
  readonly context: readonly string[];
  readonly maps: readonly AttentionMap[];
}

export interface Bigrams {
  readonly symbols: readonly string[];
  /** probabilities[i][j]: that j follows i, as the model has it. */
  readonly probabilities: readonly (readonly number[])[];
  readonly counts: Part<readonly (readonly number[])[]>;
}

export interface Report {
  readonly name: string;
  readonly summary: Summary;
  readonly course: Course;
  readonly evaluations: readonly Evaluation[];
  readonly measured: Part<Measured>;
  /** Oldest first. */
  readonly samples: Part<readonly Samples[]>;
  /** These are null where the model has no such part. */
  readonly embedding: Part<EmbeddingPoints> | null;
  readonly attention: Part<Attention> | null;
  readonly bigrams: Bigrams | null;
}
