/** The two backends, made once for a test file. */
import { ReferenceBackend } from '../../core/backend/reference.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';

export const wasm = await createWasmBackend();
export const reference = new ReferenceBackend();
