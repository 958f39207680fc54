/**
 * Works for a coordinator until its run has finished, and comes back by itself, with exponential back-off, when the link or
 * the coordinator goes away. It knows neither sockets nor threads.
 */
import { systemClock } from '../core/clock.ts';
import { UserError } from '../core/errors.ts';
import { CloseCode, type Farewell } from '../core/protocol/messages.ts';
import { type Link, type LinkEvents, Session, type SessionOptions, type Threads } from './session.ts';

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 10_000;

export interface RejoinOptions extends SessionOptions {
  /** What to call the coordinator in an error. */
  readonly where: string;
  readonly open: (events: LinkEvents) => Link;
  /** Waits, but no longer than there is a reason to: until `signal` aborts, or the network is back. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Draws from [0, 1); Math.random if left out. */
  readonly random?: () => number;
}

/**
 * Returns when the run has finished, or when it has left because `signal` or `drain` aborted.
 * @throws UserError if it is refused (wrong token, protocol or numerics) or its operator sent it away for good
 */
export async function workUntilFinished(options: RejoinOptions): Promise<void> {
  const { signal, drain, where, random = Math.random } = options;
  const leaving = drain === undefined ? signal : AbortSignal.any([signal, drain]);
  let retry = FIRST_RETRY_MS;
  while (!leaving.aborted) {
    const session = new Session(options, options.open);
    const { code, reason, worked, farewell } = await session.ended;
    if (leaving.aborted || code === CloseCode.finished) return;
    if (code === CloseCode.misbehaved && farewell !== null) {
      await stayAway({ ...options, signal: leaving }, farewell);
      continue;
    }
    if (code === CloseCode.refused || code === CloseCode.dismissed)
      throw new UserError(`the coordinator at ${where} turned this worker away: ${reason}`);
    retry = worked ? FIRST_RETRY_MS : Math.min(retry * 2, LAST_RETRY_MS);
    // Spread out, so that a coordinator that comes back is not met by all its workers in one instant.
    const wait = retry * (0.5 + random());
    options.onStatus({ kind: 'waiting', reason, seconds: wait / 1000 });
    await options.sleep(wait, leaving);
  }
}

/** Waits for as long as the coordinator asked for, whatever happens meanwhile. */
async function stayAway({ onStatus, sleep, signal, clock = systemClock }: RejoinOptions, asked: Farewell) {
  const until = clock.now() + 1000 * asked.seconds;
  onStatus({ kind: 'sentAway', reason: asked.reason, seconds: asked.seconds });
  for (let left = until - clock.now(); left > 0 && !signal.aborted; left = until - clock.now())
    await sleep(left, signal);
}

/** Keeps a model's threads between sessions, so that a re-join to the same run starts warm. */
export class KeptThreads<T extends Threads, S> {
  readonly #start: (spec: S) => Promise<T>;
  #key = '';
  #starting: Promise<T> | null = null;
  #threads: T | null = null;

  constructor(start: (spec: S) => Promise<T>) {
    this.#start = start;
  }

  /** The threads there are, if any. */
  get current(): T | null {
    return this.#threads;
  }

  /** However often it is asked while they are starting, they are started once. */
  async for(spec: S): Promise<T> {
    const key = JSON.stringify(spec);
    if (this.#starting === null || this.#key !== key || this.#threads?.broken === true) {
      const last = this.close();
      this.#key = key;
      const starting = last.then(() => this.#start(spec));
      this.#starting = starting;
      starting.then(
        (threads) => {
          if (this.#starting === starting) this.#threads = threads;
        },
        () => {
          if (this.#starting === starting) this.#starting = null;
        },
      );
    }
    return this.#starting;
  }

  /** Ends them, those too that are still starting. */
  async close(): Promise<void> {
    const starting = this.#starting;
    this.#starting = null;
    this.#threads = null;
    await starting?.then(
      (threads) => threads.close(),
      () => undefined,
    );
  }
}
