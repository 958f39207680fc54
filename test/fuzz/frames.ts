/** The fuzz of frames: connections of honest messages, mutated, into a decoder as the coordinator or a worker has it. */
import { UserError } from '../../core/errors.ts';
import { FrameError } from '../../core/protocol/frameError.ts';
import type { Header, Message } from '../../core/protocol/messages.ts';
import type { Draws } from './draws.ts';
import { bodyMutations, cutIntoFrames, type Draft, frameMutations } from './frameMutations.ts';
import { Framing } from './framing.ts';
import { msgpack, writeMsgpack } from './msgpack.ts';
import { coordinatorSide, type End, type Side, workerSide } from './sides.ts';
import { type Case, type Outcome, type Receiver, type Subject, thrown, type Verdict, Violation } from './subject.ts';
import { toValue, treeMutations } from './values.ts';

const sides = [coordinatorSide, workerSide];
const OTHER_DIRECTION = 'a message of the other direction';
const NO_GREETING = 'no greeting first';

export interface Connection extends Case {
  readonly side: Side;
  /** Messages drawn, before anything was done to them. */
  readonly messages: number;
}

const padded = (n: number): number => 8 * Math.ceil(n / 8);

function draftOf({ header, parts }: Message<Header>): Draft {
  const body = new Uint8Array(parts.reduce((n, part) => n + padded(part.length), 0));
  let at = 0;
  for (const part of parts) {
    body.set(part, at);
    at += padded(part.length);
  }
  return { envelope: [toValue(header), parts.map((part) => part.length)], body };
}

/** One of the mutations of a table, by name. */
function mutate<F extends (...args: never[]) => boolean>(
  table: Readonly<Record<string, F>>,
  draws: Draws,
  done: string[],
  ...args: Parameters<F>
): void {
  const name = draws.pick(Object.keys(table));
  if (table[name](...args)) done.push(name);
}

function make(draws: Draws): Connection {
  const side = draws.pick(sides);
  const mutations: string[] = [];
  const isHonest = draws.oneIn(16);
  const kinds = Array.from({ length: draws.between(1, 4) }, () => draws.pick(Object.keys(side.makers)));
  if (isHonest || !draws.oneIn(6)) kinds[0] = side.first;
  else mutations.push(NO_GREETING);
  const drafts = kinds.map((kind) => {
    if (isHonest || !draws.oneIn(32)) return draftOf(side.makers[kind](draws));
    mutations.push(OTHER_DIRECTION);
    const { makers } = side === coordinatorSide ? workerSide : coordinatorSide;
    return draftOf(draws.pick(Object.values(makers))(draws));
  });
  const times = isHonest ? 0 : 1 + draws.small(3);
  const early = draws.below(times + 1);
  for (let i = 0; i < early; i++) {
    const draft = draws.pick(drafts);
    if (draws.oneIn(3)) mutate(bodyMutations, draws, mutations, draft, draws, side.reach);
    else mutate(treeMutations, draws, mutations, draft.envelope, draws, msgpack);
  }
  const frames = drafts.flatMap((draft) => cutIntoFrames(draft, (envelope) => writeMsgpack(envelope, draws), draws));
  for (let i = early; i < times; i++) mutate(frameMutations, draws, mutations, frames, draws);
  return { side, pieces: frames, mutations, messages: kinds.length };
}

interface Taken {
  readonly message: Message<Header> | null;
  /** Why the message was refused when it was read. */
  readonly refusal: unknown;
}

class ConnectionReceiver implements Receiver {
  readonly #made: Connection;
  readonly #end: End;
  readonly #framing: Framing;
  #messages = 0;

  constructor(made: Connection) {
    this.#made = made;
    this.#end = made.side.open();
    this.#framing = new Framing(made.side);
  }

  take(frame: Uint8Array): Taken {
    const message = this.#end.push(frame);
    try {
      if (message !== null) this.#end.use(message);
      return { message, refusal: null };
    } catch (refusal) {
      return { message, refusal };
    }
  }

  /** What a header of the frame's size unpacks to, and for the body thrice what has come of it. */
  allowance(frame: Uint8Array): number {
    return 4096 + 16 * frame.length + 3 * (this.#framing.received + frame.length);
  }

  judge(frame: Uint8Array, outcome: Outcome): Verdict {
    if ('error' in outcome) return this.#refused(outcome.error);
    const { message, refusal } = outcome.value as Taken;
    this.#framing.accepted(frame, message, this.#end.limit);
    if (message === null) return { label: 'waiting for more', over: false };
    this.#messages++;
    if (refusal === null) return { label: `message: ${message.header.kind}`, over: false };
    // A welcome to a model that this version does not know is well formed; it is the worker's owner who is told.
    if (refusal instanceof UserError && message.header.kind === 'welcome')
      return { label: 'message: welcome, model refused', over: false };
    return this.#refused(refusal);
  }

  #refused(error: unknown): Verdict {
    if (!(error instanceof FrameError)) throw thrown(error);
    if (this.#made.mutations.length === 0) throw new Violation(`an honest frame was refused: ${error.message}`);
    return { label: `refused: ${error.message.replaceAll(/\d+/g, 'N')}`, over: true };
  }

  finish(): void {
    if (this.#made.mutations.length === 0 && this.#messages !== this.#made.messages)
      throw new Violation(`${this.#messages} of ${this.#made.messages} honest messages arrived`);
  }
}

export const frames: Subject<Connection> = {
  name: 'frames',
  // Of msgpack, a byte may be a map, which takes 56 and its place in a list.
  heapEach: 70,
  mutations: [treeMutations, bodyMutations, frameMutations].flatMap(Object.keys).concat(OTHER_DIRECTION, NO_GREETING),
  make,
  open: (made) => new ConnectionReceiver(made),
};
