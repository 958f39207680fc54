/** `manygrad lecture`: a lecture's own experiments, those that are no training run, told step by step. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadLines } from '../core/data/load.ts';
import { UserError } from '../core/errors.ts';
import type { Lecture } from '../models/lecture.ts';

const lectures: Readonly<Record<string, () => Promise<Lecture>>> = {
  micrograd: async () => (await import('../models/micrograd/lecture.ts')).lecture,
  bigram: async () => (await import('../models/bigram/lecture.ts')).lecture,
  backprop: async () => (await import('../models/backprop/lecture.ts')).lecture,
};

export const lectureNames: readonly string[] = Object.keys(lectures);

export interface LectureArguments {
  readonly name: string;
  readonly data: string;
  readonly out: string | undefined;
  readonly steps: number | undefined;
}

/** @throws UserError if there is no such lecture */
export async function lecture({ name, data, out, steps }: LectureArguments): Promise<void> {
  const load = Object.hasOwn(lectures, name) ? lectures[name] : undefined;
  if (load === undefined) throw new UserError(`there is no lecture "${name}": use one of ${lectureNames.join(', ')}.`);
  const dir = out ?? join('runs', `lecture-${name}`);
  const run = await load();
  await run({
    say: (text) => console.log(text),
    file: (file, text) => {
      mkdirSync(dir, { recursive: true });
      writeFileSync(join(dir, file), text);
      console.log(`Wrote ${join(dir, file)}`);
    },
    lines: async () => (await loadLines(data)).lines,
    steps,
  });
}
