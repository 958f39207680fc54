/** All checks, in the order of the lectures. */
import type { Check } from './check.ts';
import { section1 } from './section1.ts';
import { section2 } from './section2.ts';
import { section3 } from './section3.ts';
import { section3Rate } from './section3Rate.ts';
import { section3Training } from './section3Training.ts';
import { section4 } from './section4.ts';
import { section4Layers } from './section4Layers.ts';
import { section4Statistics } from './section4Statistics.ts';
import { section5 } from './section5.ts';
import { section6 } from './section6.ts';
import { section6Layers } from './section6Layers.ts';
import { section7 } from './section7.ts';
import { section7Attention } from './section7Attention.ts';
import { section7Large } from './section7Large.ts';
import { section9 } from './section9.ts';

export const checks: readonly Check[] = [
  ...section1,
  ...section2,
  ...section3,
  ...section3Rate,
  ...section3Training,
  ...section4,
  ...section4Layers,
  ...section4Statistics,
  ...section5,
  ...section6,
  ...section6Layers,
  ...section7,
  ...section7Attention,
  ...section7Large,
  ...section9,
];
