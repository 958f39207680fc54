/** The exercise on the built-in names, made once for a test file. */
import { createWasmBackend } from '../../../core/backend/wasm/loadNode.ts';
import { loadLines } from '../../../core/data/load.ts';
import { prepare } from '../../../models/backprop/exercise.ts';

export const backend = await createWasmBackend();
export const { lines } = await loadLines('names');
export const exercise = await prepare(backend, lines);
