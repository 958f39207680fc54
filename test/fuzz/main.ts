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

const count = (n: number): string => Math.round(n).toLocaleString('en-US').padStart(12);

function print(figures: Figures, seconds: number): void {
  const table = (title: string, counts: Record<string, number>) => {
    console.log(`\n${title}`);
    for (const [name, n] of Object.entries(counts).toSorted((a, b) => b[1] - a[1])) console.log(`${count(n)}  ${name}`);
  };
  table('Outcomes', figures.outcomes);
  table('Mutations', figures.mutations);
  console.log(
    `\n${count(figures.pieces)}  pieces in ${figures.cases.toLocaleString('en-US')} cases, ${figures.mutated.toLocaleString('en-US')} of them in mutated ones` +
      `\n${count(figures.bytes)}  bytes given\n${count(figures.mostAsked)}  bytes of arrays at most asked for by one piece` +
      `\n${count(figures.mostGrown)}  bytes at most that memory grew by in one piece, ${count(figures.mostSlack).trim()} of them beyond what its size explains\n${count(seconds)}  seconds, ${count(figures.pieces / seconds).trim()} pieces a second`,
  );
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
      console.log(
        `${count(pieces)} pieces, ${count(cases).trim()} cases, ${count(pieces / seconds()).trim()} a second`,
      );
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
