/** What runs in each Web Worker of a tab: leases from the page, on a WASM backend of its own. Nothing else is in its reach. */
import type { Kernels } from '../../core/backend/wasm/exports.ts';
import { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import type { Result, State, Work } from '../../core/protocol/work.ts';
import type { ModelSpec } from '../../models/model.ts';
import '../../models/served.ts';
import { Leases } from '../leases.ts';
import { SharedState, type SharedStateHandle } from '../sharedState.ts';

export type ToThread =
  /** First of all. `shared` is null where the page may not share memory: the state then comes by messages. */
  | {
      readonly kind: 'start';
      readonly kernels: Kernels;
      readonly spec: ModelSpec;
      readonly shared: SharedStateHandle | null;
    }
  | { readonly kind: 'state'; readonly state: State }
  /** `duty`: the share of time, in (0, 1], that this thread may compute. */
  | { readonly kind: 'work'; readonly work: Work; readonly duty: number };

export type FromThread =
  /** The script has loaded, and the model is built. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'done' }
  | { readonly kind: 'result'; readonly result: Result }
  | { readonly kind: 'failed'; readonly reason: string };

/** The part of a Web Worker's global scope that is used here. */
interface Scope {
  onmessage: ((event: { readonly data: ToThread }) => void) | null;
  postMessage(message: FromThread): void;
}

const scope = globalThis as unknown as Scope;
let leases: Leases | null = null;
/** When this thread has rested enough from its last lease. */
let restedAt = 0;

scope.onmessage = ({ data }) => {
  switch (data.kind) {
    case 'start':
      leases = new Leases(
        new WasmBackend(data.kernels),
        data.spec,
        data.shared === null ? null : new SharedState(data.shared),
        true,
      );
      return scope.postMessage({ kind: 'ready' });
    case 'state':
      return leases?.load(data.state);
    case 'work':
      compute(data.work, data.duty).catch((error: unknown) =>
        scope.postMessage({ kind: 'failed', reason: error instanceof Error ? error.message : String(error) }),
      );
      return;
    default:
      return data satisfies never;
  }
};

async function compute(work: Work, duty: number): Promise<void> {
  if (leases === null) throw new Error('a lease before the model');
  const rest = restedAt - performance.now();
  if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  const began = performance.now();
  const result = await leases.run(work, () => scope.postMessage({ kind: 'done' }));
  scope.postMessage({ kind: 'result', result });
  const ended = performance.now();
  restedAt = ended + (ended - began) * (1 / duty - 1);
}
