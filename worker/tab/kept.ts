/**
 * A state kept over reloads, in the browser's Cache: a tab that comes back while the run stands where it stood need not be
 * sent the parameters again. The coordinator compares hashes, so a damaged or foreign copy costs nothing but its bytes.
 *
 * Absent where the page is no secure context; then nothing is kept.
 */
import type { State } from '../../core/protocol/work.ts';

const CACHE = 'manygrad';
const ADDRESS = '/kept-state';

/** Never rejects: what cannot be kept is fetched. */
export async function keepState(state: State): Promise<void> {
  if (!('caches' in globalThis)) return;
  const { version, params, buffers } = state;
  const body = new Float32Array(params.length + buffers.length);
  body.set(params);
  body.set(buffers, params.length);
  const headers = { 'x-version': String(version), 'x-params': String(params.length) };
  try {
    await (await caches.open(CACHE)).put(ADDRESS, new Response(body, { headers }));
  } catch {
    // No room, or not allowed.
  }
}

export async function keptState(): Promise<State | null> {
  if (!('caches' in globalThis)) return null;
  try {
    const response = await (await caches.open(CACHE)).match(ADDRESS);
    if (response === undefined) return null;
    const body = new Float32Array(await response.arrayBuffer());
    const [version, length] = ['x-version', 'x-params'].map((name) => Number(response.headers.get(name)));
    if (version === undefined || length === undefined || !(length <= body.length)) return null;
    return { version, params: body.subarray(0, length), buffers: body.subarray(length) };
  } catch {
    return null;
  }
}
