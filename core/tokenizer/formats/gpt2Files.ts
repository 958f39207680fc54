/**
 * GPT-2's two files, `encoder.json` (each token's name and id) and `vocab.bpe` (the merges, a line each); Hugging Face calls the same
 * two `vocab.json` and `merges.txt`. They say nothing of the pattern, which is GPT-2's.
 *
 * Source: openai/gpt-2, encoder.py.
 */
import * as z from 'zod';
import { UserError } from '../../errors.ts';
import { RegexTokenizer } from '../regex.ts';
import { GPT2_PATTERN } from '../splitting/gpt2Splitter.ts';
import { fromNames, type NamedMerge, namesToJson, toNames } from './namedTokens.ts';

/** Names and ids; not `z.record`, which leaves out the name `__proto__`. */
export const namesSchema = z
  .custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value))
  .transform((value) => Object.entries(value))
  .pipe(z.array(z.tuple([z.string(), z.int().nonnegative()])))
  .transform((entries) => new Map(entries));

/** A token that no merge makes is a special one if it looks like one; any other shows that merges are missing. */
const SPECIAL = /^<.+>$/s;

/** Whether a value, parsed from JSON, may be an encoder.json: its first name has an id. */
export function isEncoder(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return typeof Object.values(value)[0] === 'number';
}

/** @param from what to call the files. @throws UserError where they are damaged, or do not belong together */
export function readGpt2Files(encoderJson: string, vocabBpe: string, from: string): RegexTokenizer {
  const ids = namesSchema.safeParse(parseJson(encoderJson));
  if (!ids.success) throw new UserError(`${from} is damaged: an encoder.json is an object of token names and ids.`);
  const merges: NamedMerge[] = [];
  for (const [i, line] of vocabBpe.split(/\r?\n/).entries()) {
    if (line === '' || (i === 0 && line.startsWith('#version'))) continue;
    const [left, right, ...more] = line.split(' ');
    if (left === undefined || right === undefined || left === '' || right === '' || more.length > 0)
      throw new UserError(
        `${from} is damaged: line ${i + 1} of its merges should be two token names with a blank between, "Ġ t" say.`,
      );
    merges.push([left, right]);
  }
  const { parts, rest } = fromNames({ ids: ids.data, merges });
  for (const name of rest.keys())
    if (!SPECIAL.test(name))
      throw new UserError(
        `${from} does not fit its merges, none of which makes ${JSON.stringify(name)}: give the two files of one tokenizer.`,
      );
  return new RegexTokenizer(GPT2_PATTERN, parts, rest);
}

/** @throws UserError for a pattern other than GPT-2's, and for special tokens that could not be told from others */
export function writeGpt2Files({ pattern, pairs, special }: RegexTokenizer): {
  readonly encoderJson: string;
  readonly vocabBpe: string;
} {
  if (pattern !== GPT2_PATTERN)
    throw new UserError(
      "encoder.json and vocab.bpe are cut by GPT-2's pattern, and this tokenizer by another: write a Hugging Face tokenizer.json instead.",
    );
  const { ids, merges } = toNames(pairs);
  for (const name of special.keys())
    if (!SPECIAL.test(name) || ids.has(name))
      throw new UserError(
        `in encoder.json the special token ${JSON.stringify(name)} could not be told from others: give it a name of its own such as "<|${name.replaceAll(/[<|>]/g, '')}|>".`,
      );
  return {
    encoderJson: `${namesToJson([...ids, ...special].toSorted(([, a], [, b]) => a - b))}\n`,
    vocabBpe: `#version: 0.2\n${merges.map((merge) => `${merge.join(' ')}\n`).join('')}`,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
