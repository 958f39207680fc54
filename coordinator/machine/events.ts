/** What the machine is told and what it says: events in, actions out. What follows from what is in machine.ts. */
import type { Block, Round, WorkerId } from './leases.ts';

export type Event =
  | { readonly type: 'start' }
  | {
      readonly type: 'joined';
      readonly worker: WorkerId;
      readonly slots: number;
      /** Threads of this machine's own: what they are handed has no way to go. */
      readonly local: boolean;
      /** Its results are taken as they are, and others' are checked by it. */
      readonly trusted: boolean;
      /** What it is called whenever it comes; null of a stranger, who is a new one with each connection. */
      readonly identity: string | null;
    }
  | { readonly type: 'left'; readonly worker: WorkerId }
  | {
      readonly type: 'result';
      readonly worker: WorkerId;
      readonly round: number;
      readonly block: Block;
      /** It is out of line with the round's other results. Looked at where the worker is not trusted. */
      readonly suspect: boolean;
      /** Whether it equals the result that is held of this very block of this round; null if none is. Looked at in a doubt only. */
      readonly agrees: boolean | null;
    }
  /** The worker has finished a micro-batch of a lease that it holds: `block` is the lease's, or lies in it. */
  | { readonly type: 'progress'; readonly worker: WorkerId; readonly round: number; readonly block: Block }
  /** The worker was too slow to be sent a lease before its round was over, and now never will be. */
  | { readonly type: 'returned'; readonly worker: WorkerId; readonly round: number; readonly block: Block }
  /** The worker wants no more leases; it is released once it has answered those that it holds. */
  | { readonly type: 'retire'; readonly worker: WorkerId }
  /** Time has passed. */
  | { readonly type: 'tick' }
  /** The operator wants no more leases handed out; what is under way is still taken. */
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  /** The operator wants a checkpoint now. Parameters change at commits alone, so any moment will do, but during a rollback. */
  | { readonly type: 'checkpoint' }
  /** The operator sends a worker away. */
  | { readonly type: 'kick'; readonly worker: WorkerId }
  /** The run has gone back, as it was told: so many updates are made now, no more than was asked. */
  | { readonly type: 'restored'; readonly step: number }
  /** End with the round under way; at once if none is, or if it cannot end because the run is paused. */
  | { readonly type: 'drain' }
  /** A person wants to stop: abandon the round under way, keep what is committed. */
  | { readonly type: 'stop' };

export type Action =
  /** A round begins: prepare its data. What was accepted or held of one that has not been committed is void. */
  | { readonly type: 'open'; readonly round: Round }
  | { readonly type: 'assign'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The result just reported counts: add it to the sum, and let go of what is held of its block. */
  | { readonly type: 'accept'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The result just reported does not count yet: hold it, or its digest, in place of what is held of its block. */
  | { readonly type: 'doubt'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** A result waits to be checked and no trusted worker is there: the round cannot end before one comes. Told as it begins. */
  | { readonly type: 'unverifiable' }
  /** The lease has been kept for too long, and may be handed out again. Told once a lease, for whoever watches. */
  | { readonly type: 'overdue'; readonly worker: WorkerId; readonly round: Round; readonly block: Block }
  /** The worker is to be closed, for sending what it was not asked for, a lie (perhaps found after it left), or no fault. */
  | { readonly type: 'expel'; readonly worker: WorkerId; readonly reason: string; readonly cause: Cause }
  /** The worker wanted to leave, and nothing that it holds is of use any more: let it go. */
  | { readonly type: 'release'; readonly worker: WorkerId }
  /** All micro-batches of the round have been accepted once: update the parameters, or report the evaluation. */
  | { readonly type: 'commit'; readonly round: Round }
  /** Undo the updates from this step on, or from an earlier one; then tell `restored`. No round is open until then. */
  | { readonly type: 'rollback'; readonly step: number }
  | { readonly type: 'checkpoint'; readonly step: number }
  /** `step` is how many updates count: where a rollback is under way, as many as it asked for. */
  | { readonly type: 'finish'; readonly step: number; readonly complete: boolean };

/** Why a worker is sent away. */
export type Cause = 'not-leased' | 'lied' | 'operator';
