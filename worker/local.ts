/** The local worker: this process's thread pool as a `WorkerPort`. */
import type { Result, State, Work, WorkerEvents, WorkerPort } from '../core/protocol/work.ts';
import type { ModelSpec } from '../models/model.ts';
import { ThreadPool } from './pool.ts';
import { KeptThreads } from './rejoin.ts';
import type { Threads } from './session.ts';

export interface LocalWorker extends WorkerPort {
  /** Resolves when the threads have ended. */
  readonly closed: Promise<void>;
}

/** Threads that stay from run to run, as long as the model is the same. Whoever made them closes them. */
export type KeptPool = KeptThreads<Threads, ModelSpec>;

export const keepPool = (threads: number): KeptPool => new KeptThreads((spec) => ThreadPool.start(spec, threads));

/**
 * Starts `threads` worker threads, to be told of through `events`.
 * @param kept threads, as many, to use instead: the worker's end is not theirs
 */
export async function startLocalWorker(
  spec: ModelSpec,
  threads: number,
  events: WorkerEvents,
  kept: KeptPool | null = null,
): Promise<LocalWorker> {
  const pool = await (kept?.for(spec) ?? ThreadPool.start(spec, threads));
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let open = true;
  const leave = (reason: string) => {
    if (!open) return;
    open = false;
    events.left(reason);
  };
  return {
    kind: 'threads',
    name: 'local',
    identity: null,
    trusted: true,
    slots: threads,
    closed,
    sendState: (state: State) => pool.setState(state),
    sendWork: (work: Work) => {
      const use = (result: Result) => {
        if (open) events.result(result);
      };
      pool
        .run(work, use)
        .catch((error: unknown) =>
          leave(`a worker thread failed: ${error instanceof Error ? error.message : String(error)}`),
        );
    },
    close: () => {
      open = false;
      if (kept !== null) resolve();
      else void pool.close().then(resolve, resolve);
    },
  };
}
