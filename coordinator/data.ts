/** The data of a recipe: read as lines or as running text, spelled in its vocabulary, and split. */
import { Characters } from '../core/data/characters.ts';
import { contexts } from '../core/data/contexts.ts';
import { contextDataset, type Dataset } from '../core/data/dataset.ts';
import { type LoadedLines, type LoadedText, loadLines, loadText } from '../core/data/load.ts';
import { splitLines, splitLinesAsNotebook, splitTokens } from '../core/data/split.ts';
import { Vocabulary } from '../core/data/vocabulary.ts';
import { Windows } from '../core/data/windows.ts';
import { UserError } from '../core/errors.ts';
import { dataKind, type Recipe } from '../models/recipe.ts';
import type { EvalSplit } from './machine/machine.ts';

export interface RecipeData {
  readonly vocabulary: Characters;
  readonly splits: Readonly<Record<EvalSplit, Dataset>>;
  /** Cuts what is held out for a test, which no run looks at; null where nothing is. */
  readonly test: (() => Dataset) | null;
  /** The data in words: name and size. */
  readonly what: string;
}

/** Reads what the recipe names, as what its model learns from. @throws UserError */
export function loadData(recipe: Recipe): Promise<LoadedLines | LoadedText> {
  return dataKind(recipe) === 'text' ? loadText(recipe.data.source) : loadLines(recipe.data.source);
}

/** Data that is measured as one, none of it held out. */
export interface WholeData {
  readonly vocabulary: Characters;
  readonly dataset: Dataset;
  /** The data in words: name and size. */
  readonly what: string;
}

/** What a recipe makes of data that is not split. @throws UserError as `prepareData` */
export function prepareWhole(recipe: Recipe, data: LoadedLines | LoadedText): WholeData {
  const { blockSize } = recipe.model;
  if (data.kind === 'lines') {
    const { vocabulary, what } = spellLines(recipe, data);
    return { vocabulary, dataset: contextDataset(contexts(data.lines, vocabulary, blockSize)), what };
  }
  const { vocabulary, tokens, what } = spellText(recipe, data);
  if (tokens.length <= blockSize)
    throw new UserError(
      `${data.name} has ${tokens.length} characters, which hold no window of ${blockSize} and the character after it: give a text of at least ${blockSize + 1}.`,
    );
  return { vocabulary, dataset: new Windows(tokens, blockSize), what };
}

/** What a recipe makes of data. @throws UserError if that is too little, or has characters that data.vocab has not */
export function prepareData(recipe: Recipe, data: LoadedLines | LoadedText): RecipeData {
  return data.kind === 'text' ? prepareText(recipe, data) : prepareLines(recipe, data);
}

function prepareLines(recipe: Recipe, data: LoadedLines): RecipeData {
  const { vocabulary, what } = spellLines(recipe, data);
  const { lines } = data;
  const { train, val, test } =
    recipe.random === 'notebook' ? splitLinesAsNotebook(lines) : splitLines(lines, recipe.seed);
  const dataset = (part: string[]) => contextDataset(contexts(part, vocabulary, recipe.model.blockSize));
  return { vocabulary, splits: { train: dataset(train), val: dataset(val) }, test: () => dataset(test), what };
}

function spellLines({ data: { vocab } }: Recipe, { lines, numbers, name }: LoadedLines) {
  const vocabulary = vocab === undefined ? Vocabulary.fromLines(lines, numbers) : new Vocabulary(vocab);
  // The split forgets where a line stood: what is wrong with one is said now.
  if (vocab !== undefined) for (const [i, line] of lines.entries()) vocabulary.encode(line, numbers[i]);
  const what = `${lines.length.toLocaleString('en')} ${lines.length === 1 ? 'line' : 'lines'} of ${name}`;
  return { vocabulary, what };
}

function prepareText(recipe: Recipe, data: LoadedText): RecipeData {
  const { blockSize } = recipe.model;
  const { vocabulary, tokens, what } = spellText(recipe, data);
  const { train, val } = splitTokens(tokens, blockSize, data.name);
  const splits = { train: new Windows(train, blockSize), val: new Windows(val, blockSize) };
  return { vocabulary, splits, test: null, what };
}

function spellText({ data: { vocab } }: Recipe, { text, name }: LoadedText) {
  const vocabulary = vocab === undefined ? Characters.fromText(text) : new Characters(vocab);
  const tokens = vocabulary.encode(text, 1);
  const different = vocab === undefined ? vocabulary.size : new Set(tokens).size;
  const what = `${tokens.length.toLocaleString('en')} characters of ${name}, ${different} different ones`;
  return { vocabulary, tokens, what };
}
