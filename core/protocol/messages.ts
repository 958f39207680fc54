/**
 * The messages of the wire protocol `manygrad.v1`, as checked headers. Each may carry parts: raw little-endian tensors.
 *
 * A worker says `hello` and is told `welcome`, or is closed with a reason. Then come `work`, each before the `state` that it is
 * for, unless the worker has that, and from the worker a `result` for each, with `progress` before it. A state comes as a
 * series of `state` messages, pieces of a bounded size in their order, between which others may come; until the last is there,
 * the worker holds what it held. A series may break off: another begins anew, at 0, or, on another connection, goes on where
 * a worker says in its hello that it stands. Before a worker is sent away for what it did, `farewell` says for how long.
 *
 * Every machine that V8 runs on is little-endian, so parts are views, not conversions.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import * as z from 'zod';
import { layerRecordsSchema } from './diagnostics.ts';
import { FrameError } from './frameError.ts';
import { PHASES } from './liveConstants.ts';
import { count, counts, numbers } from './numbers.ts';
import type { Result, State, Work } from './work.ts';

/** The WebSocket subprotocol. A change that an older worker would misread makes it v2. */
export const SUBPROTOCOL = 'manygrad.v1';

/** WebSocket close codes; the close reason says the same for a person. */
export const CloseCode = {
  /** The run has ended: nothing more to do. */
  finished: 4000,
  /** Refused for good: wrong token, protocol or numerics class. */
  refused: 4001,
  /** What was sent broke the protocol or was wrong: come back when the time that a `farewell` named is over. */
  misbehaved: 4002,
  /** Whoever runs the coordinator sent it away for good. */
  dismissed: 4003,
  /** The coordinator is going away; come back later. */
  goingAway: 1001,
} as const;

/** Worker → coordinator, first of all. */
export const helloSchema = z.strictObject({
  kind: z.literal('hello'),
  token: z.string().max(256),
  name: z.string().min(1).max(64),
  agent: z.enum(['remote', 'tab']),
  slots: z.int().min(1).max(1024),
  /** The fingerprint of its kernels: its numerics class. */
  numerics: z.string().max(64),
  /**
   * What it has kept from before, which need not be sent again: a state, by version and hash (`stateHash`), or the beginning
   * of one, by the id that its pieces bore and how many values have come.
   */
  holds: z
    .union([
      z.strictObject({ version: count, hash: z.string().max(64) }),
      z.strictObject({ id: z.string().max(64), received: count }),
    ])
    .nullable()
    .default(null),
});

/** Worker → coordinator. Parts: gradient f32, statistics f32. */
export const resultSchema = z.strictObject({
  kind: z.literal('result'),
  round: count,
  lo: count,
  size: z.int().positive(),
  losses: numbers(65_536),
  counts: counts(0, 65_536),
  layers: layerRecordsSchema.optional(),
});

/** Worker → coordinator: another micro-batch of this lease is done, though not yet the last. No parts. */
export const progressSchema = z.strictObject({
  kind: z.literal('progress'),
  round: count,
  lo: count,
  size: z.int().positive(),
});

/**
 * Worker → coordinator: no more leases, please. It goes on with those that it holds; once they are answered, or of no use any
 * more, the coordinator closes the connection. No parts.
 */
export const drainSchema = z.strictObject({ kind: z.literal('drain') });

/** Coordinator → worker: admitted. The model is checked by the room that builds it. */
export const welcomeSchema = z.strictObject({
  kind: z.literal('welcome'),
  run: z.string(),
  model: z.record(z.string(), z.unknown()),
});

/**
 * Coordinator → worker: a piece of a state. Its values are `params` parameters and, after them, `buffers` buffers; here are
 * those from `offset` on. Parts: of the params f32, of the buffers f32.
 */
export const stateSchema = z.strictObject({
  kind: z.literal('state'),
  /** The same for all pieces of a state, and for no other state: not of another coordinator's either. */
  id: z.string().min(1).max(64),
  version: count,
  params: count,
  buffers: count,
  offset: count,
});

/** Coordinator → worker. Parts: x u16, y u16. */
export const workSchema = z.strictObject({
  kind: z.literal('work'),
  round: count,
  mode: z.enum(['train', 'eval', 'diagnose']),
  version: count,
  seed: z.int(),
  lo: count,
  size: z.int().positive(),
  counts: counts(1, 65_536),
});

/** A worker that has been sent away comes back after a day at the latest. */
export const MAX_FAREWELL_SECONDS = 24 * 3600;

/** Coordinator → worker, before it closes with `misbehaved`: why, and in how many seconds to come back. No parts. */
export const farewellSchema = z.strictObject({
  kind: z.literal('farewell'),
  seconds: z.number().nonnegative().max(MAX_FAREWELL_SECONDS),
  reason: z.string().max(256),
});

/** Coordinator → tab, now and then, for its person to read; at the same time a sign of life. No parts. */
export const newsSchema = z.strictObject({
  kind: z.literal('news'),
  phase: z.enum(PHASES),
  step: count,
  loss: z.number().nullable(),
  valLoss: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  /** Workers there are. */
  workers: count,
  /** Training micro-batches accepted from this connection, and from everybody since the coordinator started. */
  yours: count,
  all: count,
  sample: z.strictObject({ step: count, text: z.string() }).nullable(),
});

export const fromWorkerSchema = z.discriminatedUnion('kind', [helloSchema, resultSchema, progressSchema, drainSchema]);
export const fromCoordinatorSchema = z.discriminatedUnion('kind', [
  welcomeSchema,
  stateSchema,
  workSchema,
  farewellSchema,
  newsSchema,
]);
export type Hello = z.infer<typeof helloSchema>;
export type Farewell = z.infer<typeof farewellSchema>;
export type Welcome = z.infer<typeof welcomeSchema>;
export type News = z.infer<typeof newsSchema>;
export type Header = z.infer<typeof fromWorkerSchema> | z.infer<typeof fromCoordinatorSchema>;

/** A header and its parts. */
export interface Message<H> {
  readonly header: H;
  readonly parts: readonly Uint8Array[];
}

const bytes = (a: Float32Array | Uint16Array): Uint8Array => new Uint8Array(a.buffer, a.byteOffset, a.byteLength);

/** A part as numbers: frames.ts lays every part at a multiple of 8 bytes. @throws FrameError on a wrong length. */
function floats(part: Uint8Array | undefined): Float32Array {
  if (part === undefined || part.byteLength % 4 !== 0)
    throw new FrameError('a part that is missing or is no f32 vector');
  return new Float32Array(part.buffer, part.byteOffset, part.byteLength / 4);
}

function uint16s(part: Uint8Array | undefined): Uint16Array {
  if (part === undefined || part.byteLength % 2 !== 0)
    throw new FrameError('a part that is missing or is no u16 vector');
  return new Uint16Array(part.buffer, part.byteOffset, part.byteLength / 2);
}

/** Parameters of a state that is worth keeping: hashing more would hold up its keeper, and the coordinator, for too long. */
export const MAX_KEPT = 16 * 1024 ** 2;

/** SHA-256 (hex) of a state's numbers: by it a worker that kept a copy and the coordinator know that it is the same. */
export function stateHash({ params, buffers }: State): string {
  return bytesToHex(sha256.create().update(bytes(params)).update(bytes(buffers)).digest());
}

/** A run of a state's values, some of its parameters and after them some of its buffers (statePieces.ts). */
export interface StatePiece {
  readonly id: string;
  readonly version: number;
  /** How many of each the whole state has. */
  readonly lengths: { readonly params: number; readonly buffers: number };
  /** Values of the state before these. */
  readonly offset: number;
  readonly params: Float32Array;
  readonly buffers: Float32Array;
}

export function stateMessage({ id, version, lengths, offset, params, buffers }: StatePiece): Message<Header> {
  return { header: { kind: 'state', id, version, ...lengths, offset }, parts: [bytes(params), bytes(buffers)] };
}

export function parseState({ header, parts }: Message<z.infer<typeof stateSchema>>): StatePiece {
  const { id, version, params, buffers, offset } = header;
  const lengths = { params, buffers };
  return { id, version, lengths, offset, params: floats(parts[0]), buffers: floats(parts[1]) };
}

export function workMessage({ x, y, counts, ...rest }: Work): Message<Header> {
  return { header: { kind: 'work', ...rest, counts: [...counts] }, parts: [bytes(x), bytes(y)] };
}

export function parseWork({ header: { kind: _, ...rest }, parts }: Message<z.infer<typeof workSchema>>): Work {
  return { ...rest, x: uint16s(parts[0]), y: uint16s(parts[1]) };
}

export function resultMessage({ gradient, statistics, losses, counts, layers, ...rest }: Result): Message<Header> {
  const told = layers === undefined ? {} : { layers: [...layers] };
  return {
    header: { kind: 'result', ...rest, losses: [...losses], counts: [...counts], ...told },
    parts: [bytes(gradient), bytes(statistics)],
  };
}

export function parseResult({ header, parts }: Message<z.infer<typeof resultSchema>>): Result {
  const { kind: _, layers, ...rest } = header;
  const told = layers === undefined ? {} : { layers };
  return { ...rest, ...told, gradient: floats(parts[0]), statistics: floats(parts[1]) };
}
