/** A model file as a user writes one, with a helper file beside it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Writes the files into `dir`. @returns the model file's path */
export function writeModelFile(dir: string, hidden = 24): string {
  writeFileSync(join(dir, 'sizes.ts'), `export const hidden: number = ${hidden};\n`);
  const file = join(dir, 'tiny.ts');
  writeFileSync(
    file,
    `import { defineModel, Embedding, FlattenConsecutive, Linear, Sequential, Tanh } from 'manygrad';
import { hidden } from './sizes.ts';

export default defineModel({
  learnsFrom: 'lines',
  blockSize: 4,
  recipe: { batch: 256, microBatch: 16 },
  build: ({ vocabSize, blockSize }) =>
    new Sequential(
      new Embedding(vocabSize, 8),
      new FlattenConsecutive(blockSize),
      new Linear(8 * blockSize, hidden),
      new Tanh(),
      new Linear(hidden, vocabSize),
    ),
});
`,
  );
  return file;
}
