/** The local worker: this process's thread pool as a `WorkerPort`. */
import type { Result, State, Work, WorkerEvents, WorkerPort } from '../core/protocol/work.ts';
import type { ModelSpec } from '../models/model.ts';
import { ThreadPool } from './pool.ts';

export interface LocalWorker extends WorkerPort {
  /** Resolves when the threads have ended. */
  readonly closed: Promise<void>;
}

/** Starts `threads` worker threads, to be told of through `events`. */
export async function startLocalWorker(spec: ModelSpec, threads: number, events: WorkerEvents): Promise<LocalWorker> {
  const pool = await ThreadPool.start(spec, threads);
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
      void pool.close().then(resolve, resolve);
    },
  };
}
