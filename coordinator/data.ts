/** The data of a recipe: read as lines or as running text, spelled in its vocabulary, and split. */

import { statSync } from 'node:fs';
import { contexts } from '../core/data/contexts.ts';
import { contextDataset, type Dataset } from '../core/data/dataset.ts';
import { type LoadedLines, type LoadedText, loadLines, loadText } from '../core/data/load.ts';
import { type LoadedShards, loadShards } from '../core/data/shards/load.ts';
import { ShardTokens } from '../core/data/shards/shardTokens.ts';
import { splitLines, splitLinesAsNotebook, splitTokens } from '../core/data/split.ts';
import { Vocabulary } from '../core/data/vocabulary.ts';
import { Windows } from '../core/data/windows.ts';
import { UserError } from '../core/errors.ts';
import { CharacterTokenizer, MAX_IDS } from '../core/tokenizer/character.ts';
import { hashOf } from '../core/tokenizer/description.ts';
import type { Tokenizer } from '../core/tokenizer/tokenizer.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import type { EvalSplit } from './machine/machine.ts';

export interface RecipeData {
  /** What the data is spelled by. */
  readonly tokenizer: Tokenizer;
  /** What the resolved recipe says of that. */
  readonly spelling: Spelling;
  readonly splits: Readonly<Record<EvalSplit, Dataset>>;
  /** Cuts what is held out for a test, which no run looks at; null where nothing is. */
  readonly test: (() => Dataset) | null;
  /** The data in words: name and size. */
  readonly what: string;
}

export type LoadedData = LoadedLines | LoadedText | LoadedShards;

/** Reads what the recipe names, as what its model learns from. @throws UserError */
export function loadData(recipe: Recipe): Promise<LoadedData> {
  const { source } = recipe.data;
  if (dataKind(recipe) === 'lines') return loadLines(source);
  const isFolder = statSync(source, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? loadShards(source) : loadText(source);
}

/** Data that is measured as one, none of it held out. */
export interface WholeData {
  readonly tokenizer: Tokenizer;
  readonly dataset: Dataset;
  /** The data in words: name and size. */
  readonly what: string;
}

/** The characters there are, or the hash of the tokenizer that the run's folder keeps. */
export type Spelling = { readonly vocab: string } | { readonly tokenizerSha256: string };

/** What a recipe makes of data that is not split. @throws UserError as `prepareData` */
export function prepareWhole(recipe: Recipe, data: LoadedData, tokenizer: Tokenizer | null = null): WholeData {
  const { blockSize } = recipe.model;
  if (data.kind === 'lines') {
    const { vocabulary, what } = spellLines(recipe, data);
    return { tokenizer: vocabulary, dataset: contextDataset(contexts(data.lines, vocabulary, blockSize)), what };
  }
  if (data.kind === 'shards') {
    return { ...openShards(recipe, data, tokenizer), dataset: windowsOf(recipe, data, data.shards) };
  }
  const text = spellText(recipe, data, tokenizer);
  const { tokens, unit, what } = text;
  if (tokens.length <= blockSize)
    throw new UserError(
      `${data.name} has ${tokens.length} ${unit}s, which hold no window of ${blockSize} and the ${unit} after it: give a text of at least ${blockSize + 1}.`,
    );
  return { tokenizer: text.tokenizer, dataset: new Windows(tokens, blockSize), what };
}

/**
 * What a recipe makes of data.
 * @param tokenizer that text is spelled by; by its characters where it is null
 * @throws UserError if the data is too little, has characters that data.vocab has not, or the tokenizer is not one for it
 */
export function prepareData(recipe: Recipe, data: LoadedData, tokenizer: Tokenizer | null = null): RecipeData {
  const prepared = prepareAny(recipe, data, tokenizer);
  const { tokenizerSha256: wanted } = recipe.data;
  const found = 'tokenizerSha256' in prepared.spelling ? prepared.spelling.tokenizerSha256 : null;
  if (wanted === undefined || found === wanted) return prepared;
  throw new UserError(
    `${data.name} is spelled ${found === null ? 'in characters' : 'by another tokenizer'}, and not by that of data.tokenizerSha256: name that one as data.tokenizer, or leave the hash out.`,
  );
}

function prepareAny(recipe: Recipe, data: LoadedData, tokenizer: Tokenizer | null): RecipeData {
  switch (data.kind) {
    case 'lines':
      return prepareLines(recipe, data);
    case 'text':
      return prepareText(recipe, data, tokenizer);
    case 'shards':
      return prepareShards(recipe, data, tokenizer);
    default:
      return data satisfies never;
  }
}

function prepareLines(recipe: Recipe, data: LoadedLines): RecipeData {
  const { vocabulary, what } = spellLines(recipe, data);
  const { lines } = data;
  const { train, val, test } =
    recipe.random === 'notebook' ? splitLinesAsNotebook(lines) : splitLines(lines, recipe.seed);
  const dataset = (part: string[]) => contextDataset(contexts(part, vocabulary, recipe.model.blockSize));
  const splits = { train: dataset(train), val: dataset(val) };
  return {
    ...{ tokenizer: vocabulary, spelling: { vocab: vocabulary.chars }, splits, what },
    test: () => dataset(test),
  };
}

function spellLines({ data: { vocab } }: Recipe, { lines, numbers, name }: LoadedLines) {
  const vocabulary = vocab === undefined ? Vocabulary.fromLines(lines, numbers) : new Vocabulary(vocab);
  // The split forgets where a line stood: what is wrong with one is said now.
  if (vocab !== undefined) for (const [i, line] of lines.entries()) vocabulary.encode(line, 'none', numbers[i]);
  const what = `${lines.length.toLocaleString('en')} ${lines.length === 1 ? 'line' : 'lines'} of ${name}`;
  return { vocabulary, what };
}

function prepareText(recipe: Recipe, data: LoadedText, asked: Tokenizer | null): RecipeData {
  const { blockSize } = recipe.model;
  const { tokenizer, spelling, tokens, unit, what } = spellText(recipe, data, asked);
  const { train, val } = splitTokens(tokens, blockSize, data.name, unit);
  const splits = { train: new Windows(train, blockSize), val: new Windows(val, blockSize) };
  return { tokenizer, spelling, splits, test: null, what };
}

/** The first shard is to validate on. */
function prepareShards(recipe: Recipe, data: LoadedShards, asked: Tokenizer | null): RecipeData {
  const { tokenizer, what } = openShards(recipe, data, asked);
  const spelling = { tokenizerSha256: data.tokenizerSha256 };
  const val = windowsOf(recipe, data, data.shards.slice(0, 1));
  return {
    tokenizer,
    spelling,
    splits: { train: windowsOf(recipe, data, data.shards.slice(1)), val },
    test: null,
    what,
  };
}

/** An evaluation of shards takes no more tokens: a split may have thousands of millions. */
const MOST_EVALUATED = 2 ** 20;

function windowsOf({ model: { blockSize } }: Recipe, { name }: LoadedShards, shards: LoadedShards['shards']): Windows {
  const tokens = new ShardTokens(shards);
  if (tokens.length <= blockSize)
    throw new UserError(
      `a part of the shards in ${name} has ${tokens.length} tokens, which hold no window of ${blockSize} and the token after it: make larger ones with --shard-tokens, or lower model.blockSize.`,
    );
  return new Windows(tokens, blockSize, Math.max(1, Math.floor(MOST_EVALUATED / blockSize)));
}

/** @throws UserError where the model's data is not spelled by the shards' tokenizer */
function openShards({ data }: Recipe, shards: LoadedShards, asked: Tokenizer | null) {
  const { name, tokenizer, tokenizerSha256 } = shards;
  if (data.vocab !== undefined)
    throw new UserError(
      `${name} holds the tokens of a tokenizer, and the model's data is spelled in the characters of data.vocab: give a text file.`,
    );
  if (asked !== null && hashOf(asked) !== tokenizerSha256)
    throw new UserError(
      `the shards in ${name} were made with another tokenizer than ${data.tokenizer ?? 'the one that the model was trained with'}: give shards that were made with that one.`,
    );
  checkSize(tokenizer);
  const count = shards.shards.reduce((total, { tokens }) => total + tokens, 0);
  const what = `${count.toLocaleString('en')} tokens in ${shards.shards.length} shards of ${name}`;
  return { tokenizer, what };
}

interface SpelledText {
  readonly tokenizer: Tokenizer;
  readonly spelling: Spelling;
  readonly tokens: Uint16Array<ArrayBuffer>;
  readonly unit: 'character' | 'token';
  readonly what: string;
}

function spellText({ data: { vocab } }: Recipe, { text, name }: LoadedText, asked: Tokenizer | null): SpelledText {
  if (asked !== null) {
    checkSize(asked);
    const tokens = Uint16Array.from(asked.encode(text, 'none'));
    const what = `${tokens.length.toLocaleString('en')} tokens of ${name}, ${new Set(tokens).size.toLocaleString('en')} different ones of ${asked.vocabSize.toLocaleString('en')}`;
    return { tokenizer: asked, spelling: { tokenizerSha256: hashOf(asked) }, tokens, unit: 'token', what };
  }
  const tokenizer = vocab === undefined ? CharacterTokenizer.fromText(text) : new CharacterTokenizer(vocab);
  const tokens = Uint16Array.from(tokenizer.encode(text, 'none', 1));
  const different = vocab === undefined ? tokenizer.vocabSize : new Set(tokens).size;
  const what = `${tokens.length.toLocaleString('en')} characters of ${name}, ${different} different ones`;
  return { tokenizer, spelling: { vocab: tokenizer.chars }, tokens, unit: 'character', what };
}

/** @throws UserError where ids do not fit into what they travel in */
function checkSize({ vocabSize }: Tokenizer): void {
  if (vocabSize > MAX_IDS)
    throw new UserError(
      `a tokenizer of ${vocabSize.toLocaleString('en')} tokens is too large to train with, as their ids travel in 16 bits, which hold ${MAX_IDS.toLocaleString('en')}: choose a smaller one, such as gpt2.`,
    );
}
