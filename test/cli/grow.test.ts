/** `manygrad grow`: a model is trained, its vocabulary grows, it samples, and it is trained on with all else frozen, or with nothing. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type CheckpointTensor, latestCheckpoint } from '../../core/checkpoint/store.ts';
import { BasicTokenizer } from '../../core/tokenizer/basic.ts';
import { describe as toDescription } from '../../core/tokenizer/description.ts';
import { scratch } from '../support/cli.ts';
import { complains, printed } from '../support/commands.ts';

const { dir, remove } = scratch();
const path = (name: string) => join(dir, name);
afterAll(remove);

const TEXT = 'the cat sat on the mat and the dog sat on the cat\n'.repeat(40);
const MODEL = '{name: gpt-ladder, rung: layer-norm, blockSize: 8, layers: 1, heads: 2, embeddingDim: 8}';

const training = ['--threads', '1', '--quiet', '--eval-every', '0', '--samples', '0'];
const named = async (folder: string) => {
  const { tensors } = await latestCheckpoint(path(folder));
  return new Map(tensors.map((tensor) => [tensor.name, tensor]));
};

beforeAll(async () => {
  writeFileSync(path('old.txt'), TEXT);
  writeFileSync(path('new.txt'), TEXT.replaceAll('cat', 'KaZe'));
  await printed(
    'train',
    'text-gpt',
    '--set',
    `model=${MODEL}`,
    '--set',
    'batch=8',
    '--set',
    'microBatch=4',
    '--data',
    path('old.txt'),
    '--steps',
    '12',
    '--out',
    path('old'),
    ...training,
  );
}, 60_000);

/** The part of a grown tensor that was there before, and the rest; a vocabulary's tensors grow in their first dimension. */
function parts(before: CheckpointTensor, after: CheckpointTensor): [kept: number[], added: number[]] {
  const { length } = before.data;
  return [[...after.data.subarray(0, length)], [...after.data.subarray(length)]];
}

describe('grow', () => {
  test('keeps what was, draws what is new, and leaves its moments at zero', async () => {
    await printed(
      'grow',
      path('old'),
      '--characters',
      'KZ',
      '--out',
      path('grown'),
      '--data',
      path('new.txt'),
      '--seed',
      '5',
      '--quiet',
    );
    const [before, after] = [await named('old'), await named('grown')];
    const grew: string[] = [];
    for (const [name, tensor] of before) {
      const now = after.get(name);
      if (now === undefined) throw new Error(`${name} is gone`);
      const [kept, added] = parts(tensor, now);
      expect(kept).toEqual([...tensor.data]);
      if (added.length === 0) continue;
      grew.push(name);
      expect(now.shape[0]).toBe(tensor.shape[0] + 2);
      expect(added.every((value) => (name.includes('/') ? value === 0 : value !== 0))).toBe(true);
    }
    expect(grew.filter((name) => !name.includes('/'))).toEqual([
      'token_embedding_table.weight',
      'lm_head.weight',
      'lm_head.bias',
    ]);
    expect(grew).toHaveLength(9);
    expect([...after.keys()]).toEqual([...before.keys()]);
  }, 60_000);

  test('makes a model that samples, from a prompt with the new characters too', async () => {
    expect(await printed('sample', path('grown'), '--prompt', 'KZ', '--length', '5', '--count', '1')).toContain('KZ');
  }, 60_000);

  test('frozen, everything old stays bit for bit as it is trained on, and the new is trained', async () => {
    await printed(
      'grow',
      path('old'),
      '--characters',
      'KZ',
      '--out',
      path('frozen'),
      '--data',
      path('new.txt'),
      '--freeze',
      '--quiet',
    );
    const before = await named('frozen');
    await printed('train', '--resume', path('frozen'), '--steps', '20', ...training);
    const [after, old] = [await named('frozen'), await named('old')];
    for (const [name, tensor] of old) {
      const [was, is] = [before.get(name), after.get(name)];
      if (was === undefined || is === undefined) throw new Error(`${name} is gone`);
      const [kept, added] = parts(tensor, is);
      expect(kept).toEqual([...tensor.data]);
      if (added.length > 0) expect(added).not.toEqual(parts(tensor, was)[1]);
    }
  }, 60_000);

  test('not frozen, all of it is trained', async () => {
    const before = await named('grown');
    await printed('train', '--resume', path('grown'), '--steps', '14', ...training);
    const after = await named('grown');
    for (const name of ['token_embedding_table.weight', 'blocks.0.sa.proj.weight'])
      expect([...(after.get(name)?.data ?? [])]).not.toEqual([...(before.get(name)?.data ?? [])]);
  }, 60_000);

  test('refuses in one sentence what cannot be', async () => {
    const to = ['--out', path('nowhere')];
    await complains(['grow', path('old'), '--characters', 't', ...to], /twice/);
    await complains(['grow', path('old'), '--characters', '', ...to], /more than there are/);
    await complains(['grow', path('old'), '--characters', 'K', '--data', path('new.txt'), ...to], /"Z"/);
    await complains(['grow', path('old'), '--characters', 'KZ', '--out', path('old')], /already holds a run/);
    await complains(['grow', path('none'), '--characters', 'KZ', ...to], /does not exist/);
  }, 60_000);

  test('adds special tokens to the tokenizer of a model that was trained on tokens, and a larger tokenizer', async () => {
    const tokenizer = BasicTokenizer.train(TEXT, 262);
    writeFileSync(path('small.json'), JSON.stringify(toDescription(tokenizer)));
    writeFileSync(path('large.json'), JSON.stringify(toDescription(BasicTokenizer.train(TEXT, 266))));
    writeFileSync(path('other.json'), JSON.stringify(toDescription(BasicTokenizer.train('abcabcabc '.repeat(9), 270))));
    await printed(
      'train',
      'text-gpt',
      '--set',
      `model=${MODEL}`,
      '--set',
      'batch=8',
      '--set',
      'microBatch=4',
      '--data',
      path('old.txt'),
      '--set',
      `data.tokenizer=${path('small.json')}`,
      '--steps',
      '4',
      '--out',
      path('tokens'),
      ...training,
    );
    const grow = ['grow', path('tokens'), '--quiet', '--out'];
    await printed(...grow, path('special'), '--special', '<|user|>', '--special', '<|end|>', '--freeze');
    await printed(...grow, path('larger'), '--tokenizer', path('large.json'));
    const rows = async (folder: string) => (await named(folder)).get('token_embedding_table.weight')?.shape[0];
    expect([await rows('tokens'), await rows('special'), await rows('larger')]).toEqual([262, 264, 266]);
    await printed('sample', path('special'), '--prompt', 'the', '--length', '3', '--count', '1');
    await printed('train', '--resume', path('special'), '--steps', '6', ...training);
    await printed('train', '--resume', path('larger'), '--steps', '6', ...training);
    await complains([...grow, path('nowhere'), '--tokenizer', path('other.json')], /another token 256/);
    await complains([...grow, path('nowhere'), '--characters', 'KZ'], /--special/);
    await complains(['grow', path('old'), '--special', '<|user|>', '--out', path('nowhere')], /--characters/);
    await complains([...grow, path('nowhere')], /said once/);
  }, 60_000);
});
