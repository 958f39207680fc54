/**
 * One run, one hash, whatever the kernels are compiled to and however they are called: packed by V8 or not, with either
 * matmul, captured or operation by operation, on one thread or two. The model has everything that draws or reduces: dropout,
 * attention, layer norm, clipping, AdamW, an uneven last micro-batch.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Cli, endAll, readSummary, scratch } from '../support/cli.ts';

const { dir, remove } = scratch();
afterEach(endAll);
afterAll(remove);

const text = join(dir, 'text.txt');
const recipe = join(dir, 'recipe.yaml');
writeFileSync(
  text,
  Array.from({ length: 300 }, (_, i) => `${i * 7919} bottles, ${(i * i) % 101} of them green.\n`).join(''),
);
writeFileSync(
  recipe,
  `model: { name: gpt, blockSize: 24, layers: 2, heads: 2, embeddingDim: 36, dropout: 0.2 }
data: { source: ${text} }
seed: 11
steps: 25
batch: 11
microBatch: 4
optimizer: { name: adamw, decay: matrices }
schedule: { name: cosine, lr: 0.003, minLr: 0.0003, warmupSteps: 5, decaySteps: 25 }
clipGradNorm: 0.5
`,
);

async function hash(name: string, threads: number, env: Record<string, string>): Promise<unknown> {
  const out = join(dir, name);
  const flags = ['--threads', String(threads), '--json', '--eval-every', '0', '--checkpoint-every', '0'];
  const cli = new Cli(['train', recipe, '--out', out, ...flags], env);
  expect(await cli.exited, cli.stderr).toEqual({ code: 0, signal: null });
  return readSummary(out).paramsSha256;
}

const ways: [name: string, threads: number, env: Record<string, string>][] = [
  ['on two threads', 2, {}],
  ['operation by operation', 1, { MANYGRAD_CAPTURE: '0' }],
  ['not packed', 1, { MANYGRAD_REVECTORIZE: '0' }],
  ['not packed, 6x16', 1, { MANYGRAD_REVECTORIZE: '0', MANYGRAD_MATMUL: '6x16' }],
  ['6x8', 1, { MANYGRAD_MATMUL: '6x8' }],
];

const asChosen = hash('as chosen', 1, {});

test.each(ways)(
  '%s',
  async (name, threads, env) => {
    expect(await hash(name, threads, env)).toBe(await asChosen);
  },
  60_000,
);

test('another seed is another hash', async () => {
  const cli = new Cli(['train', recipe, '--out', join(dir, 'other'), '--seed', '12', '--threads', '1', '--json']);
  expect(await cli.exited).toEqual({ code: 0, signal: null });
  expect(readSummary(join(dir, 'other')).paramsSha256).not.toBe(await asChosen);
}, 60_000);
