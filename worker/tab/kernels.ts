/** The kernels that this browser can run: with fused multiply-adds where it has relaxed SIMD, else the plain ones. */
import { fingerprint } from '../../core/backend/fingerprint.ts';
import type { Kernels } from '../../core/backend/wasm/exports.ts';
import { WasmBackend } from '../../core/backend/wasm/wasmBackend.ts';
import { UserError } from '../../core/errors.ts';

export interface TabKernels {
  readonly kernels: Kernels;
  readonly relaxed: boolean;
  /** The fingerprint that says which other workers compute the same bits. */
  readonly numerics: string;
}

/** @throws UserError where the browser has no WASM SIMD at all */
export async function loadTabKernels(): Promise<TabKernels> {
  for (const [url, relaxed] of [
    ['/kernels.wasm', true],
    ['/kernels.plain.wasm', false],
  ] as const) {
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    const bytes = await response.arrayBuffer();
    if (!WebAssembly.validate(bytes)) continue;
    const kernels: Kernels = { module: await WebAssembly.compile(bytes), matmulTile: '6x8', packed: false };
    return { kernels, relaxed, numerics: await fingerprint(new WasmBackend(kernels)) };
  }
  throw new UserError('This browser has no WebAssembly SIMD: bring it up to date, or use another.');
}
