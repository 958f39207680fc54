/** Runs on the tokens of a tokenizer: of text, and of shards. What they keep of it, and that no other is taken for it. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadData, prepareData, prepareWhole } from '../../coordinator/data.ts';
import { Sampler } from '../../coordinator/live/sampler.ts';
import { PLAIN } from '../../coordinator/options.ts';
import { prepareNewRun, prepareResumedRun } from '../../coordinator/prepare.ts';
import { attentionMaps } from '../../coordinator/report/attention.ts';
import { embeddingPoints } from '../../coordinator/report/embedding.ts';
import { createWasmBackend } from '../../core/backend/wasm/loadNode.ts';
import { latestCheckpoint, readCheckpoint } from '../../core/checkpoint/store.ts';
import { makeShards } from '../../core/data/shards/make.ts';
import { MAX_IDS } from '../../core/tokenizer/character.ts';
import { describe as described, hashOf } from '../../core/tokenizer/description.ts';
import { RegexTokenizer } from '../../core/tokenizer/regex.ts';
import { parseRecipe, type Recipe } from '../../models/recipe.ts';
import { sample } from '../../models/sample.ts';
import { loadTrained } from '../../models/trained.ts';

const dir = mkdtempSync(join(tmpdir(), 'manygrad-tokens-'));
afterAll(() => rmSync(dir, { recursive: true }));
const at = (name: string) => join(dir, name);

const text = Array.from({ length: 300 }, (_, i) => `${i} green bottles on the wall, naïve 東京\n`).join('');
writeFileSync(at('text.txt'), text);
const learned = RegexTokenizer.train(text, 300);
const tokenizerOf = (merges: number, end: number) =>
  new RegexTokenizer(
    learned.pattern,
    { merges: learned.pairs.merges.slice(0, merges) },
    new Map([['<|endoftext|>', end]]),
  );
const tokenizer = tokenizerOf(44, 300);
const other = tokenizerOf(43, 300);
const keep = (name: string, of = tokenizer) => writeFileSync(at(name), JSON.stringify(described(of)));
keep('tokenizer.json');
keep('other.json', other);

const recipeOf = (data: object): Recipe =>
  parseRecipe(
    {
      model: { name: 'gpt', blockSize: 8, layers: 1, heads: 2, embeddingDim: 8 },
      ...{ data, seed: 5, steps: 2, batch: 4, microBatch: 2, optimizer: { name: 'adamw' } },
      schedule: { name: 'constant', lr: 0.01 },
    },
    'the recipe',
  );

const onText = recipeOf({ source: at('text.txt'), tokenizer: at('tokenizer.json') });

async function begun(name: string, recipe: Recipe) {
  const prepared = await prepareNewRun(recipe, at(name), () => PLAIN);
  await prepared.folder.checkpoint(0, () => prepared.trainer.tensors(), { last: 1 });
  // A folder that has been told nothing is not kept.
  prepared.folder.ledger({ step: 1, blocks: [] });
  await prepared.folder.close();
  return prepared;
}
const resumed = (name: string, changes = {}) => prepareResumedRun(at(name), changes, () => PLAIN);

const shards = (name: string, of = tokenizer, shardTokens = 500) =>
  makeShards({
    ...{ inputs: [at('text.txt')], tokenizer: of, out: at(name), shardTokens, threads: 1 },
    ...{ textField: 'text', separator: null },
  });

test('the recipe and every checkpoint have the hash, and the folder has the tokenizer', async () => {
  const { config, spec, data } = await begun('run', onText);
  expect(config.recipe.data).toEqual({ ...onText.data, tokenizerSha256: hashOf(tokenizer) });
  expect(spec.vocabSize).toBe(301);
  expect(data).toMatch(/^[\d,]+ tokens of .*text\.txt, \d+ different ones of 301$/);
  const checkpoint = await latestCheckpoint(at('run'));
  expect(JSON.parse(checkpoint.metadata.recipe ?? '').data.tokenizerSha256).toBe(hashOf(tokenizer));
  expect(readFileSync(at('run/tokenizer.json'), 'utf8')).toBe(`${JSON.stringify(described(tokenizer))}\n`);
});

test('the text is split by tokens, its special tokens not read', async () => {
  writeFileSync(at('special.txt'), `${text}<|endoftext|>`);
  const recipe = recipeOf({ source: at('special.txt') });
  const { splits } = prepareData(recipe, await loadData(recipe), tokenizer);
  const ids = tokenizer.encode(`${text}<|endoftext|>`, 'none');
  expect(ids).not.toContain(300);
  const cut = Math.floor(0.9 * ids.length);
  expect(splits.train.count).toBe(cut - 8);
  expect([...splits.val.evalRows(0, 1).x]).toEqual([...ids.subarray(cut, cut + 8)]);
});

test('a run goes on with what its folder keeps; another tokenizer is refused, wherever it is', async () => {
  await begun('resumed', onText);
  const moved = resumed('resumed', { tokenizer: at('tokenizer.json') });
  await (await moved).folder.close();
  await expect(resumed('resumed', { tokenizer: at('other.json') })).rejects.toThrow(
    /^\S*other\.json is not the tokenizer that the run in \S+ was started with: [^.]*\.$/,
  );
  copyFileSync(at('other.json'), at('resumed/tokenizer.json'));
  await expect(resumed('resumed')).rejects.toThrow(/tokenizer\.json is another tokenizer than the one used there/);
  rmSync(at('resumed/tokenizer.json'));
  await expect(resumed('resumed')).rejects.toThrow(/tokenizer\.json is missing/);
  // A run of characters has none.
  await begun('characters', recipeOf({ source: at('text.txt') }));
  await expect(resumed('characters', { tokenizer: at('tokenizer.json') })).rejects.toThrow(/is not the tokenizer that/);
});

test('a checkpoint away from its folder says what is missing, and needs no more', async () => {
  await begun('bare', onText);
  const { file } = await latestCheckpoint(at('bare'));
  mkdirSync(at('elsewhere'));
  copyFileSync(file, at('elsewhere/c.safetensors'));
  const open = async () => loadTrained(await readCheckpoint(at('elsewhere/c.safetensors')), await createWasmBackend());
  await expect(open()).rejects.toThrow(
    /elsewhere\/tokenizer\.json is missing, .*: put the tokenizer\.json of the folder/,
  );
  copyFileSync(join(dirname(file), 'tokenizer.json'), at('elsewhere/tokenizer.json'));
  expect((await open()).tokenizer.vocabSize).toBe(301);
});

test('samples go through the tokenizer, in a thread as here, and pictures show its tokens', async () => {
  const { config, trainer } = await begun('sampled', onText);
  const trained = await loadTrained(await latestCheckpoint(at('sampled')), await createWasmBackend());
  const asked = { count: 2, seed: 3, temperature: 1, prompt: '7 green 東', length: 30 };
  const texts: string[] = [];
  for await (const drawn of sample(trained, asked)) texts.push(drawn);
  // A model that has learned nothing breaks off characters: each piece of one is U+FFFD.
  for (const drawn of texts) expect(drawn).toMatch(/^7 green 東[\s\S]+\ufffd/);
  const sampler = new Sampler(config.recipe, tokenizer, () => trainer.state);
  try {
    expect(await sampler.draw(asked)).toEqual(texts);
  } finally {
    await sampler.close();
  }
  const { points } = (await embeddingPoints(trained)) ?? { points: [] };
  expect(points.map(({ symbol }) => symbol)).toEqual(expect.arrayContaining(['<|endoftext|>', '\\xe6', ' ', ' green']));
  const { context } = (await attentionMaps(trained)) ?? { context: [] };
  expect(context.length).toBe(8);
});

test('shards bring their tokenizer, validate on the first, and are known by their contents', async () => {
  const manifest = await shards('shards');
  const { config, batches, data } = await begun('on-shards', recipeOf({ source: at('shards') }));
  expect(config.recipe.data).toEqual({ source: at('shards'), tokenizerSha256: hashOf(tokenizer) });
  expect(data).toMatch(/^[\d,]+ tokens in \d+ shards of /);
  const ids = [300, ...tokenizer.encode(text, 'none')];
  expect(manifest.shards[0]?.tokens).toBe(500);
  const round = { id: 0, step: 0, mode: 'eval', split: 'val', microBatches: batches.evalMicroBatches.val } as const;
  expect([...batches.work(round, { lo: 0, size: 1 }).x.subarray(0, 8)]).toEqual(ids.slice(0, 8));
  const train = { ...round, split: 'train', microBatches: batches.evalMicroBatches.train } as const;
  expect([...batches.work(train, { lo: 0, size: 1 }).x.subarray(0, 8)]).toEqual(ids.slice(500, 508));
  await (await resumed('on-shards')).folder.close();
  // The same text in other shards is other data.
  await shards('shards2', tokenizer, 400);
  await expect(resumed('on-shards', { source: at('shards2') })).rejects.toThrow(/shards2 is not the data that the run/);
});

test('shards of another tokenizer, and models that spell otherwise, are refused', async () => {
  await shards('others', other);
  const refused = async (data: object, what: RegExp) =>
    expect(prepareNewRun(recipeOf(data), at('refused'), () => PLAIN)).rejects.toThrow(what);
  const made =
    /^the shards in \S*others were made with another tokenizer than \S*tokenizer\.json: give shards [^.]*\.$/;
  await refused({ source: at('others'), tokenizer: at('tokenizer.json') }, made);
  await refused(
    { source: at('others'), vocab: 'abc' },
    /holds the tokens of a tokenizer, .* characters of data\.vocab/,
  );
  const { data } = recipeOf({
    source: at('text.txt'),
    tokenizerSha256: hashOf(other),
    tokenizer: at('tokenizer.json'),
  });
  await refused(data, /tokenizer\.json is not the tokenizer of data\.tokenizerSha256/);
  // A run's own recipe, which names no tokenizer where it was trained on shards, with other data.
  const hashed = (source: string) => ({ source: at(source), tokenizerSha256: hashOf(tokenizer) });
  await refused(
    hashed('text.txt'),
    /text\.txt is spelled in characters, and not by that of data\.tokenizerSha256: name/,
  );
  await refused(hashed('others'), /others is spelled by another tokenizer, and not by that of data\.tokenizerSha256/);
  const asked = recipeOf({ source: at('others') });
  const loaded = await loadData(asked);
  expect(() => prepareWhole(asked, loaded, tokenizer)).toThrow(
    /made with another tokenizer than the one that the model/,
  );
});

test('fields that do not go together are refused', () => {
  const both = () => recipeOf({ source: 'x', tokenizer: 'gpt2', vocab: 'abc' });
  expect(both).toThrow(/data\.tokenizer: text is spelled by a tokenizer or in the characters of data\.vocab/);
  const lines = { ...onText, model: { name: 'bigram' } };
  expect(() => parseRecipe(lines, 'it')).toThrow(/data\.tokenizer: bigram learns from lines, which are spelled in/);
});

test('as many tokens as 16 bits have ids, and no more', async () => {
  const recipe = recipeOf({ source: at('text.txt') });
  const loaded = await loadData(recipe);
  expect(prepareData(recipe, loaded, tokenizerOf(44, MAX_IDS - 1)).tokenizer.vocabSize).toBe(65_536);
  expect(() => prepareData(recipe, loaded, tokenizerOf(44, MAX_IDS))).toThrow(
    /^a tokenizer of 65,537 tokens is too large to train with, as their ids travel in 16 bits, which hold 65,536: [^.]*\.$/,
  );
});
