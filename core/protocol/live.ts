/**
 * What the coordinator tells its operator's page (the dashboard) while a run goes on, and what the operator may ask for: JSON
 * text over a WebSocket of its own. First the page opens with its key; then it gets a snapshot, and updates a few times a
 * second, each of which replaces what it names. Nothing here computes, and no tensor passes this way.
 */
import * as z from 'zod';
import type { PHASES } from './liveConstants.ts';
import type { WorkerKind } from './work.ts';

export * from './liveConstants.ts';

/** What is being trained, fixed for the life of the coordinator. */
export interface RunInfo {
  /** The run's name: its folder's. */
  readonly run: string;
  /** The model's name: `wavenet`. */
  readonly model: string;
  /** The data in words: name and size. */
  readonly data: string;
  readonly dataKind: 'lines' | 'text';
  /** Who runs it, as they call themselves; '' where they do not. */
  readonly by: string;
  readonly parameters: number;
  /** Steps in all. */
  readonly steps: number;
  readonly batch: number;
  readonly microBatch: number;
  /** Of a training step. */
  readonly microBatches: number;
  /** What one example's targets are called: `examples` or `tokens`. */
  readonly unit: 'examples' | 'tokens';
}

export type Phase = (typeof PHASES)[number];

/** Where the run stands. Rates are over the last seconds; null where nothing is known yet. */
export interface RunStatus {
  readonly phase: Phase;
  /** Updates made. */
  readonly step: number;
  readonly loss: number | null;
  readonly valLoss: number | null;
  readonly lr: number | null;
  readonly gradNorm: number | null;
  readonly stepsPerSecond: number | null;
  readonly tokensPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** Since the coordinator started. */
  readonly seconds: number;
  /** The step of the newest checkpoint that this coordinator has written, or has gone back to; null if there is none. */
  readonly checkpoint: number | null;
}

/**
 * The run's course, in columns of equal length, a row a bucket of neighbouring steps: the mean over its steps, and for the
 * raw loss its least and most. A bucket is one step until there are too many.
 */
export interface Course {
  /** The last step of each bucket. */
  readonly step: readonly number[];
  readonly loss: readonly number[];
  readonly lossMin: readonly number[];
  readonly lossMax: readonly number[];
  readonly gradNorm: readonly number[];
  readonly lr: readonly number[];
  /** Of the coordinator's clock, per second. */
  readonly tokensPerSecond: readonly number[];
}

/** Buckets from `from` on: they replace whatever the page holds from there. `from` 0 is a whole course. */
export interface CoursePart {
  readonly from: number;
  readonly course: Course;
}

export interface Evaluation {
  readonly step: number;
  readonly split: 'train' | 'val';
  readonly loss: number;
}

export type WorkerState = 'idle' | 'working' | 'overdue';

export interface WorkerRow {
  readonly id: number;
  /** As it calls itself: any text at all, of 64 characters at most. */
  readonly name: string;
  readonly kind: WorkerKind;
  readonly slots: number;
  readonly state: WorkerState;
  /**
   * Training micro-batches accepted from it, or computed again elsewhere and found equal; its share of all such (0 to 1); and how
   * many it does a second.
   */
  readonly microBatches: number;
  readonly share: number;
  readonly perSecond: number;
  /** The last ping's way there and back; null for threads of this machine. */
  readonly latencyMs: number | null;
  /** How many of them were computed again. */
  readonly verified: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Seconds since it joined. */
  readonly seconds: number;
}

/** A block of micro-batches in a step's timeline: by whom, from when to when (ms since the step's beginning). */
export interface TimelineBlock {
  readonly lo: number;
  readonly microBatches: number;
  readonly worker: number;
  readonly name: string;
  readonly from: number;
  /** Null while it is being computed. */
  readonly to: number | null;
  /** Whether its answer was the one that counted. */
  readonly accepted: boolean;
}

export interface TimelineStep {
  readonly step: number;
  /** Its length in ms; null for the one under way. */
  readonly ms: number | null;
  readonly blocks: readonly TimelineBlock[];
}

export interface Sample {
  readonly step: number;
  readonly text: string;
}

/** Something that a person would want to know of, newest last. */
export interface Notice {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly step: number;
  readonly text: string;
}

/** Everything but the fixed: each member, where it is present, replaces what the page holds. */
export interface LiveState {
  readonly status: RunStatus;
  readonly course: CoursePart;
  readonly evaluations: readonly Evaluation[];
  readonly workers: readonly WorkerRow[];
  /** The last steps, oldest first; the one under way is the last. */
  readonly timeline: readonly TimelineStep[];
  /** Drawn now and then, newest last. */
  readonly samples: readonly Sample[];
  readonly notices: readonly Notice[];
}

export type ToOperator =
  | { readonly kind: 'snapshot'; readonly info: RunInfo; readonly state: LiveState }
  | { readonly kind: 'update'; readonly state: Partial<LiveState> }
  /** What became of a command: `error` is a sentence, or null; `text` is what a `sample` drew. */
  | { readonly kind: 'answer'; readonly id: number; readonly error: string | null; readonly text: string | null };

const id = z.int().nonnegative();

/** What a page sends: `open` first of all, then commands, whose `id` their answer bears. */
export const fromOperatorSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('open'), key: z.string().max(256) }),
  z.strictObject({ kind: z.literal('pause'), id }),
  z.strictObject({ kind: z.literal('resume'), id }),
  z.strictObject({ kind: z.literal('checkpoint'), id }),
  z.strictObject({ kind: z.literal('stop'), id }),
  z.strictObject({ kind: z.literal('kick'), id, worker: z.int() }),
  z.strictObject({
    kind: z.literal('sample'),
    id,
    prompt: z.string().max(2000),
    temperature: z.number().positive().max(10),
    /** New characters. */
    length: z.int().min(1).max(2000),
  }),
]);

export type FromOperator = z.infer<typeof fromOperatorSchema>;

/** Reads what a page sent. @returns null if it is no message of this protocol */
export function parseFromOperator(text: string): FromOperator | null {
  try {
    return fromOperatorSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}

/** Whatever can be asked for once the page is open. */
export type Command = Exclude<FromOperator, { kind: 'open' }>;
