/** All checks, in the order of the lectures. */
import type { Check } from './check.ts';
import { section3 } from './section3.ts';
import { section4 } from './section4.ts';
import { section4Layers } from './section4Layers.ts';
import { section6 } from './section6.ts';
import { section7 } from './section7.ts';

export const checks: readonly Check[] = [...section3, ...section4, ...section4Layers, ...section6, ...section7];
