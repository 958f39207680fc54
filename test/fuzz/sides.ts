/** The two ends of a connection, as the coordinator's door and a worker's session decode what they are sent. */
import { FrameDecoder } from '../../core/protocol/frames.ts';
import {
  fromCoordinatorSchema,
  fromWorkerSchema,
  type Header,
  type Message,
  parseResult,
  parseState,
  parseWork,
} from '../../core/protocol/messages.ts';
import { parseModelSpec } from '../../models/model.ts';
import { fromCoordinator, fromWorker, type Maker } from './kinds.ts';

/** One end of one connection. */
export interface End {
  /** As FrameDecoder's. */
  push(frame: Uint8Array): Message<Header> | null;
  /** Reads a message's parts and what else is in it. Throws FrameError, or UserError for the end's owner. */
  use(message: Message<Header>): void;
  /** The most that the body of a message with this header may have, as the end stands. */
  limit(header: Header): number;
}

export interface Side {
  readonly name: string;
  /** What the other side sends. */
  readonly makers: Readonly<Record<string, Maker>>;
  /** The kind that an honest connection begins with. */
  readonly first: string;
  /** A body limit that a fuzz can afford to reach; null where there is none. */
  readonly reach: number | null;
  readonly schema: { safeParse(value: unknown): { success: boolean; data?: unknown } };
  open(): End;
}

/** A result of a small model. */
const MAX_RESULT_BYTES = 600_000;
/** As a worker allows. */
const MAX_STATE_BYTES = 4 * 1024 ** 3;

export const coordinatorSide: Side = {
  name: 'coordinator',
  makers: fromWorker,
  first: 'hello',
  reach: MAX_RESULT_BYTES,
  schema: fromWorkerSchema,
  open() {
    let greeted = false;
    const limit = ({ kind }: Header) => (kind === 'result' && greeted ? MAX_RESULT_BYTES : 0);
    const decoder = new FrameDecoder(fromWorkerSchema, limit, ({ kind }) => kind === 'result');
    return {
      push: (frame) => decoder.push(frame),
      limit,
      use({ header, parts }) {
        if (header.kind === 'hello') greeted = true;
        if (header.kind === 'result') parseResult({ header, parts });
      },
    };
  },
};

export const workerSide: Side = {
  name: 'worker',
  makers: fromCoordinator,
  first: 'welcome',
  reach: null,
  schema: fromCoordinatorSchema,
  open() {
    const limit = () => MAX_STATE_BYTES;
    const decoder = new FrameDecoder(fromCoordinatorSchema, limit, ({ kind }) => kind === 'state');
    return {
      push: (frame) => decoder.push(frame),
      limit,
      use({ header, parts }) {
        if (header.kind === 'welcome') parseModelSpec(header.model);
        if (header.kind === 'state') parseState({ header, parts });
        if (header.kind === 'work') parseWork({ header, parts });
      },
    };
  },
};
