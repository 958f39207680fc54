/**
 * Workers that are played by a test: real connections to a real coordinator, which can compute as an honest worker does and send
 * whatever they like. What they attack, and what must come of it, is the tests' business.
 */
import { WebSocket } from 'ws';
import { fingerprint } from '../../core/backend/fingerprint.ts';
import { encodeFrames, FrameDecoder } from '../../core/protocol/frames.ts';
import {
  type Farewell,
  fromCoordinatorSchema,
  type Header,
  type Message,
  parseState,
  parseWork,
  resultMessage,
  SUBPROTOCOL,
} from '../../core/protocol/messages.ts';
import { ArrivingState } from '../../core/protocol/statePieces.ts';
import type { Result, Work } from '../../core/protocol/work.ts';
import { Compute } from '../../worker/compute.ts';
import { wasm } from './backends.ts';

/** That of names-mlp: with it come 12,097 parameters, and 401 batch-norm statistics a micro-batch. */
const SPEC = { name: 'mlp', vocabSize: 27, blockSize: 3, embeddingDim: 10, hidden: 200 } as const;

const numerics = await fingerprint(wasm);
/** One computes at a time: they share a backend. */
let computing: Promise<unknown> = Promise.resolve();
const open = new Set<WebSocket>();

/** Ends all connections that are still open. */
export function endAttackers(): void {
  for (const socket of open) socket.terminate();
  open.clear();
}

/** What an attacker does with a lease. */
export type Answer = (work: Work, attacker: Attacker) => void | Promise<void>;

interface AttackerOptions {
  readonly name: string;
  readonly token?: string;
  readonly slots?: number;
  /** False to leave pings unanswered. */
  readonly autoPong?: boolean;
}

/** How its connection ended: by whom, in what words, and for how long it is to stay away. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
  readonly farewell: Farewell | null;
}

export class Attacker {
  readonly name: string;
  readonly socket: WebSocket;
  readonly closed: Promise<Closed>;
  /** Leases that it was handed, and results that it sent. */
  leases = 0;
  sent = 0;
  readonly #token: string;
  readonly #slots: number;
  readonly #answer: Answer;
  readonly #compute = new Compute(wasm, SPEC);
  readonly #arriving = new ArrivingState();
  /** Messages are taken one after the other, whatever an answer waits for. */
  #taking: Promise<void> = Promise.resolve();

  /** Connects, says hello, and answers every lease. */
  constructor(url: string, { name, token = 't', slots = 1, autoPong = true }: AttackerOptions, answer: Answer) {
    this.name = name;
    this.#token = token;
    this.#slots = slots;
    this.#answer = answer;
    const socket = new WebSocket(url, SUBPROTOCOL, { autoPong });
    this.socket = socket;
    open.add(socket);
    const decoder = new FrameDecoder(fromCoordinatorSchema, () => 2 ** 30);
    let farewell: Farewell | null = null;
    socket.on('error', () => undefined);
    socket.on('open', () => this.hello());
    socket.on('message', (data: Buffer) => {
      const message = decoder.push(data);
      if (message?.header.kind === 'farewell') farewell = message.header;
      if (message !== null) this.#taking = this.#taking.then(() => this.#take(message));
    });
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        open.delete(socket);
        resolve({ code, reason: reason.toString(), farewell });
      });
    });
  }

  hello(): void {
    const agent = 'remote';
    const [token, name, slots] = [this.#token, this.name, this.#slots];
    this.send({ header: { kind: 'hello', token, name, agent, slots, numerics, holds: null }, parts: [] });
  }

  /** What an honest worker answers. */
  async honest(work: Work): Promise<Result> {
    const { gradient, statistics } = this.#compute.lengths;
    const into = {
      gradient: new Float32Array(gradient),
      statistics: new Float32Array(statistics * work.counts.length),
    };
    const result = computing.then(() => this.#compute.run(work, into));
    computing = result.catch(() => undefined);
    return result;
  }

  /** A result of the right form, made up: no micro-batch gives it. */
  plausible({ round, lo, size, mode, counts }: Work): Result {
    const { gradient, statistics } = this.#compute.lengths;
    const training = mode === 'train' ? 1 : 0;
    return {
      ...{ round, lo, size, counts },
      losses: counts.map(() => 100),
      gradient: new Float32Array(training * gradient).fill(1),
      statistics: new Float32Array(training * statistics * counts.length).fill(1),
    };
  }

  answer(result: Result): void {
    this.sent++;
    this.send(resultMessage(result));
  }

  send(message: Message<Header>): void {
    for (const frame of encodeFrames(message)) this.socket.send(frame, () => undefined);
  }

  async #take({ header, parts }: Message<ReturnType<typeof fromCoordinatorSchema.parse>>): Promise<void> {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (header.kind === 'state') {
      const state = this.#arriving.take(parseState({ header, parts }));
      if (state !== null) this.#compute.load(state);
    }
    if (header.kind !== 'work') return;
    this.leases++;
    await this.#answer(parseWork({ header, parts }), this);
  }
}

/** Joins, takes a lease, and never answers it. @returns once it holds one */
export async function stall(url: string): Promise<Attacker> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const staller = new Attacker(url, { name: 'staller' }, () => resolve());
  await promise;
  return staller;
}
