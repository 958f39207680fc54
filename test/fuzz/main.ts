/** `npm run fuzz`: a fuzz of any length, with figures; or one case of it again. */
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { UserError } from '../../core/errors.ts';
import { Draws } from './draws.ts';
import type { Figures } from './loop.ts';
import { subjectCalled, subjectNames } from './subjects.ts';
import { describeFailure, hex, watchFuzz } from './watch.ts';

const USAGE =
  'npm run fuzz -- [--subject NAME] [--frames N] [--seed S] [--only INDEX]; ' +
  `subjects are ${subjectNames.join(', ')}.`;

function options() {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({ options: { subject: text, frames: text, seed: text, only: text } });
    return z
      .object({
        subject: z.string().default('frames'),
        frames: z.coerce.number().pipe(z.int().positive()).default(2_000_000),
        seed: z.coerce
          .number()
          .pipe(z.int())
          .default(() => Math.floor(Math.random() * 2 ** 31)),
        only: z.coerce.number().pipe(z.int().nonnegative()).optional(),
      })
      .parse(values);
  } catch {
    throw new UserError(`the arguments are not understood: ${USAGE}`);
  }
}

const whole = (n: number): string => Math.round(n).toLocaleString('en-US');

function print(figures: Figures, seconds: number): void {
  const line = (n: number, what: string) => console.log(`${whole(n).padStart(14)}  ${what}`);
  const table = (title: string, counts: Record<string, number>) => {
    console.log(`\n${title}`);
    for (const [name, n] of Object.entries(counts).toSorted((a, b) => b[1] - a[1])) line(n, name);
  };
  table('Outcomes', figures.outcomes);
  table('Mutations', figures.mutations);
  console.log('\nIn all');
  line(figures.pieces, `pieces, of ${whole(figures.cases)} cases`);
  line(figures.mutated, 'of them of mutated cases');
  line(figures.bytes, 'bytes given');
  line(figures.mostAsked, 'bytes of arrays and buffers, the most that one piece asked for');
  line(figures.mostGrown, 'bytes, the most that memory grew by with one piece');
  line(figures.mostSlack, 'bytes, the most of that beyond what the size of the piece explains');
  line(seconds, `seconds: ${whole(figures.pieces / seconds)} pieces a second`);
}

async function main(): Promise<void> {
  const { subject, frames, seed, only } = options();
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  console.log(`fuzzing ${subject} with seed ${seed}`);
  if (only !== undefined) {
    const made = (await subjectCalled(subject)).make(new Draws(seed, only));
    console.log(`case ${only}: ${made.mutations.join(', ') || 'nothing was done to it'}`);
    for (const [i, piece] of made.pieces.entries()) console.log(`piece ${i}, ${piece.length} bytes: ${hex(piece)}`);
  }
  let told = 0;
  const { figures, failure } = await watchFuzz({
    subject,
    seed,
    pieces: frames,
    ...(only === undefined ? {} : { only }),
    onProgress({ pieces, cases }) {
      if (seconds() < told + 5 || only !== undefined) return;
      told = seconds();
      console.log(`${whole(pieces)} pieces, ${whole(cases)} cases, ${whole(pieces / told)} pieces a second`);
    },
    onVerdict: (piece, { label }) => console.log(`piece ${piece}: ${label}`),
  });
  if (figures !== null) print(figures, seconds());
  if (failure === null) return console.log('\nno failure');
  console.error(`\nFAILED: ${await describeFailure(failure, subject)}`);
  process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
