/**
 * A worker's side of the protocol, on whatever link and threads it is given: says hello, is welcomed, takes state and leases,
 * answers with results. One connection, from hello to close; that it comes back afterwards is rejoin.ts's.
 */
import { type Cancel, type Clock, systemClock } from '../core/clock.ts';
import { UserError } from '../core/errors.ts';
import { encodeFrames, FrameDecoder, MAX_FRAME_BYTES } from '../core/protocol/frames.ts';
import {
  CloseCode,
  type Farewell,
  fromCoordinatorSchema,
  type Header,
  type Hello,
  MAX_KEPT,
  type Message,
  type News,
  parseState,
  parseWork,
  resultMessage,
  stateHash,
} from '../core/protocol/messages.ts';
import { ArrivingState } from '../core/protocol/statePieces.ts';
import type { Result, State, Work } from '../core/protocol/work.ts';
import { type ModelSpec, parseModelSpec } from '../models/model.ts';

/** Without a sign of life from the coordinator for this long, the link is taken for dead. It pings every 5 s. */
const SILENCE_MS = 20_000;
/** A coordinator is trusted with this much memory for a lease. */
const MAX_WORK_BYTES = 1024 ** 3;
/** How long the coordinator has to answer a goodbye. */
const FAREWELL_MS = 2000;
/** How often the coordinator is told that a long lease goes on. */
const PROGRESS_MS = 1000;

/** What carries frames. Calls do not throw, open or not. */
export interface Link {
  send(frame: Uint8Array): void;
  /** Closes with a goodbye; `closed` follows once the other side has answered it. */
  leave(): void;
  /** Ends the connection at once; `closed` follows. */
  end(): void;
}

export interface LinkEvents {
  opened(): void;
  received(frame: Uint8Array): void;
  /** The coordinator lives, though it sent no message. */
  alive(): void;
  /** Told once, and whether or not it ever opened. */
  closed(code: number, reason: string): void;
}

/** What computes: threads of a process or Web Workers of a tab, around one state. */
export interface Threads {
  /** The state that the next leases are for; `state` is only read, and before this returns. */
  setState(state: State): void;
  /** The last state set, as views; null if there was none. */
  readonly state: State | null;
  /**
   * Runs a lease on the next idle thread and hands the result to `use`, before that thread may overwrite it with another.
   * Rejects if the lease fails. @param progress called as micro-batches of the lease are done, now and then
   */
  run(work: Work, use: (result: Result) => void, progress?: () => void): Promise<void>;
  /** Whether a thread was lost for good, so that others must be started. */
  readonly broken: boolean;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly hello: Omit<Hello, 'kind' | 'holds'>;
  /** Makes ready for a model's code, if it has any of its own. Rejects with a UserError if that is not to be run here. */
  readonly admit: (spec: ModelSpec) => Promise<void>;
  /** Threads for a model: the same ones as long as the model is the same. */
  readonly threadsFor: (spec: ModelSpec) => Promise<Threads>;
  /** A state from before, which need not be sent again if it is the coordinator's. */
  readonly held: () => State | null;
  /** Keeps, over connections, what has come of a state; a new one if left out. */
  readonly arriving?: ArrivingState;
  readonly onStatus: (status: Status) => void;
  /** Leaves at once: what it holds goes to others. */
  readonly signal: AbortSignal;
  /** Takes no more leases, answers those that it holds, then leaves. */
  readonly drain?: AbortSignal;
  /** This machine's if left out. */
  readonly clock?: Clock;
}

/** What a worker tells its owner. */
export type Status =
  | { readonly kind: 'joined'; readonly run: string }
  /** A lease has been answered: micro-batches in it, and in this session. */
  | { readonly kind: 'progress'; readonly step: number; readonly answered: number; readonly microBatches: number }
  | { readonly kind: 'news'; readonly news: News }
  | { readonly kind: 'waiting'; readonly reason: string; readonly seconds: number }
  /** The coordinator did not like what it was sent: it takes this worker back in so many seconds. */
  | { readonly kind: 'sentAway'; readonly reason: string; readonly seconds: number };

export interface SessionEnd {
  readonly code: number;
  readonly reason: string;
  /** Whether a lease was computed in this session. */
  readonly worked: boolean;
  /** What the coordinator said of coming back, if anything. */
  readonly farewell: Farewell | null;
}

export class Session {
  readonly ended: Promise<SessionEnd>;
  readonly #options: SessionOptions;
  readonly #link: Link;
  readonly #decoder = new FrameDecoder(
    fromCoordinatorSchema,
    ({ kind }) => (kind === 'state' ? MAX_FRAME_BYTES : MAX_WORK_BYTES),
    ({ kind }) => kind === 'state',
  );
  readonly #end: (end: SessionEnd) => void;
  readonly #arriving: ArrivingState;
  #threads: Threads | null = null;
  #farewell: Farewell | null = null;
  #microBatches = 0;
  /** The connection has ended, or this side has left: what still comes of it is nobody's. */
  #over = false;
  /** Why the connection closes, if the other side gives no reason. */
  #failure = 'the coordinator went away';
  readonly #clock: Clock;
  #endSilence: Cancel = () => {};
  #endFarewell: Cancel = () => {};
  /** Frames are handled one after the other, though welcoming takes time. */
  #queue: Promise<void> = Promise.resolve();

  /** @param open opens the link; nothing may be told before it returns */
  constructor(options: SessionOptions, open: (events: LinkEvents) => Link) {
    this.#options = options;
    this.#arriving = options.arriving ?? new ArrivingState();
    this.#clock = options.clock ?? systemClock;
    const { promise, resolve } = Promise.withResolvers<SessionEnd>();
    this.ended = promise;
    this.#end = resolve;
    const abort = () => this.#leave();
    const drain = () => this.#drain();
    this.#link = open({
      opened: () => this.#hello(),
      received: (frame) => {
        this.#alive();
        this.#queue = this.#queue.then(() => this.#receive(frame)).catch((error: unknown) => this.#fail(error));
      },
      alive: () => this.#alive(),
      closed: (code, reason) => {
        this.#over = true;
        this.#endSilence();
        this.#endFarewell();
        options.signal.removeEventListener('abort', abort);
        options.drain?.removeEventListener('abort', drain);
        const worked = this.#microBatches > 0;
        // What came before is looked at first: it may say when to come back.
        void this.#queue.then(() =>
          this.#end({ code, reason: reason || this.#failure, worked, farewell: this.#farewell }),
        );
      },
    });
    options.signal.addEventListener('abort', abort);
    options.drain?.addEventListener('abort', drain);
    if (options.signal.aborted || options.drain?.aborted) abort();
  }

  #hello(): void {
    this.#alive();
    this.#send({ header: { kind: 'hello', ...this.#options.hello, holds: this.#holds() }, parts: [] });
  }

  /** What is coming is newer than what is here. */
  #holds(): Hello['holds'] {
    const held = this.#options.held();
    if (this.#arriving.part !== null || held === null || held.params.length > MAX_KEPT) return this.#arriving.part;
    return { version: held.version, hash: stateHash(held) };
  }

  /** The coordinator knows which leases this side holds or is about to get, and closes when they are answered. */
  #drain(): void {
    if (this.#over) return;
    if (this.#threads !== null) return this.#send({ header: { kind: 'drain' }, parts: [] });
    // Nothing has been begun.
    this.#leave();
  }

  /** Says goodbye, and waits for the other side's, but not for long: it may be out of reach. */
  #leave(): void {
    this.#over = true;
    this.#endFarewell = this.#clock.after(FAREWELL_MS, () => this.#link.end());
    this.#link.leave();
  }

  #alive(): void {
    this.#endSilence();
    this.#endSilence = this.#clock.after(SILENCE_MS, () => this.#link.end());
  }

  #send(message: Message<Header>): void {
    for (const frame of encodeFrames(message)) this.#link.send(frame);
  }

  async #receive(frame: Uint8Array): Promise<void> {
    const message = this.#decoder.push(frame);
    if (message === null) return;
    const { header, parts } = message;
    if (this.#over && header.kind !== 'farewell') return;
    switch (header.kind) {
      case 'welcome': {
        const held = this.#options.held();
        const spec = parseModelSpec(header.model);
        await this.#options.admit(spec);
        const threads = await this.#options.threadsFor(spec);
        if (this.#over) return;
        this.#threads = threads;
        if (held !== null && threads.state === null) useHeld(threads, held);
        return this.#options.onStatus({ kind: 'joined', run: header.run });
      }
      case 'state': {
        const state = this.#arriving.take(parseState({ header, parts }));
        return state === null ? undefined : this.#threads?.setState(state);
      }
      case 'work':
        return this.#work(parseWork({ header, parts }));
      case 'farewell':
        this.#farewell = header;
        return;
      case 'news':
        return this.#options.onStatus({ kind: 'news', news: header });
      default:
        return header satisfies never;
    }
  }

  /** Starts on a lease; does not wait for it, since the next may be for another thread. */
  #work(work: Work): void {
    const { round, lo, size, version: step } = work;
    const use = (result: Result) => {
      if (this.#over) return;
      this.#send(resultMessage(result));
      const answered = result.losses.length;
      this.#microBatches += answered;
      this.#options.onStatus({ kind: 'progress', step, answered, microBatches: this.#microBatches });
    };
    let told = this.#clock.now();
    const progress = () => {
      if (this.#clock.now() - told < PROGRESS_MS) return;
      told = this.#clock.now();
      this.#send({ header: { kind: 'progress', round, lo, size }, parts: [] });
    };
    this.#threads?.run(work, use, progress).catch((error: unknown) => this.#fail(error));
  }

  /** Something is wrong on this side or with what came: give the leases back by leaving. */
  #fail(error: unknown): void {
    if (this.#over) return;
    if (error instanceof UserError) {
      this.#end({ code: CloseCode.refused, reason: error.message, worked: false, farewell: null });
    } else this.#failure = error instanceof Error ? error.message : String(error);
    this.#link.end();
  }
}

/** Sets a state from before. One of another model does not fit; the coordinator, which knows its hash, then sends its own. */
function useHeld(threads: Threads, held: State): void {
  try {
    threads.setState(held);
  } catch {
    // As above.
  }
}
