/** Named tensors read into a state dict, and a state dict's values written over them; Module says which tensors those are. */
import { UserError } from '../errors.ts';
import { sameShape, show, type Tensor } from '../tensor/index.ts';

export interface StateEntry {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What torch.nn.Module.state_dict gives: by name, in the order of the modules. */
export type StateDict = ReadonlyMap<string, StateEntry>;

/** What a state dict lacked, and what it had besides. */
export interface KeyDifferences {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
}

type Named = readonly (readonly [string, Tensor])[];

/** Copies of the tensors' values. */
export async function readState(named: Named): Promise<StateDict> {
  const state = new Map<string, StateEntry>();
  for (const [name, t] of named) state.set(name, { shape: t.shape, data: Float32Array.from(await t.read()) });
  return state;
}

/**
 * Writes the values of `state` over the tensors. Nothing is written if anything is wrong. A tensor with several names is
 * missing only if it is there under none of them; if under several, the last counts.
 * @throws UserError naming every key that is missing, unexpected (if `strict`) or of another shape
 */
export function writeState(named: Named, state: StateDict, strict: boolean): KeyDifferences {
  const known = new Set(named.map(([name]) => name));
  const given = new Set(named.filter(([name]) => state.has(name)).map(([, t]) => t));
  const missingKeys = named.filter(([, t]) => !given.has(t)).map(([name]) => name);
  const unexpectedKeys = [...state.keys()].filter((name) => !known.has(name));
  const faults = named.flatMap(([name, t]) => {
    const entry = state.get(name);
    if (entry === undefined) return [];
    if (!sameShape(entry.shape, t.shape)) return [`${name} is ${show(entry.shape)} there and ${show(t.shape)} here`];
    return entry.data.length === t.numel
      ? []
      : [`${name} has ${entry.data.length} numbers for its shape ${show(t.shape)}`];
  });
  if (strict) {
    if (missingKeys.length > 0) faults.unshift(`it lacks ${missingKeys.join(', ')}`);
    if (unexpectedKeys.length > 0) faults.unshift(`it has ${unexpectedKeys.join(', ')}, which the model has not`);
  }
  if (faults.length > 0) throw new UserError(`The state dict does not fit the model: ${faults.join('; ')}.`);
  for (const [name, t] of named) {
    const entry = state.get(name);
    if (entry !== undefined) t.backend.write(t.buf, entry.data);
  }
  return { missingKeys, unexpectedKeys };
}
