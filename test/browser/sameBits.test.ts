/** A tab of a real browser computes the bits that Node computes: the fingerprint, and the parameters after training. */
import { expect, test } from 'vitest';
import { callInTab, findChromium } from '../../bench/tab.ts';
import { createWasmBackend, loadKernels, nodeBackend } from '../../core/backend/wasm/loadNode.ts';
import { type Bits, train } from './train.ts';

const chromium = findChromium();
if ('missing' in chromium) console.warn(`The browser's bits are not compared: ${chromium.missing}.`);

test.skipIf('missing' in chromium)(
  'Chromium and Node train to the same bits',
  async () => {
    if ('missing' in chromium) return;
    const { result } = await callInTab<Bits>(chromium.executable, '/test/browser/train.ts', 'trainInTab', 60_000);
    await createWasmBackend();
    const kernels = await loadKernels();
    const here = await train(() => nodeBackend(kernels));
    expect(result.fingerprint).toMatch(/^[0-9a-f]{16}$/);
    expect(result.params.length).toBe(2);
    expect(result).toEqual(here);
  },
  90_000,
);
