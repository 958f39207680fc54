/**
 * Hugging Face's `tokenizer.json`, as far as it is byte-level BPE: the model BPE, cut by GPT-2's pattern or by a pattern of its own,
 * as GPT-2, Llama 3 and Qwen 2 are but for what stands below. What would change an id and is not had here (normalizers, other models
 * and cuts, a blank put before a text, dropout, ...) is refused. What stands around a text (`post_processor`: `add_special_tokens`)
 * is left to the caller, as everywhere in this project.
 *
 * Source: huggingface/tokenizers, src/tokenizer/serialization.rs, models/bpe, pre_tokenizers/byte_level.rs, split.rs.
 */
import * as z from 'zod';
import { UserError } from '../../errors.ts';
import { BasicTokenizer } from '../basic.ts';
import { DESCRIPTION_FORMAT, fromDescription } from '../description.ts';
import { BytePairs } from '../merging/bytePairs.ts';
import { IdList } from '../merging/idList.ts';
import type { RegexTokenizer } from '../regex.ts';
import { GPT2_PATTERN } from '../splitting/gpt2Splitter.ts';
import { isScanned } from '../splitting/patterns.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { namesSchema } from './gpt2Files.ts';
import { fromNames, namesToJson, toNames } from './namedTokens.ts';

const flag = z.boolean().default(false);
const part = z.looseObject({ type: z.string() }).nullish();

const fileSchema = z.looseObject({
  truncation: z.unknown().optional(),
  padding: z.unknown().optional(),
  added_tokens: z
    .array(
      z.looseObject({
        id: z.int().nonnegative(),
        content: z.string().min(1),
        single_word: flag,
        lstrip: flag,
        rstrip: flag,
      }),
    )
    .nullish(),
  normalizer: part,
  pre_tokenizer: part,
  post_processor: part,
  decoder: part,
  model: z.looseObject({
    /** Files of 2020 have none. */
    type: z.string().default('BPE'),
  }),
});
type File = z.infer<typeof fileSchema>;

const bpeSchema = z.looseObject({
  dropout: z.number().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  byte_fallback: flag,
  ignore_merges: flag,
  vocab: namesSchema,
  merges: z.array(
    z.union([
      z.tuple([z.string(), z.string()]),
      z
        .string()
        .regex(/^[^ ]+ [^ ]+$/)
        .transform((merge): [string, string] => {
          const [left = '', right = ''] = merge.split(' ');
          return [left, right];
        }),
    ]),
  ),
});

const byteLevelSchema = z.looseObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.boolean(),
  use_regex: z.boolean().default(true),
});

const splitSchema = z.looseObject({
  type: z.literal('Split'),
  pattern: z.looseObject({ Regex: z.string() }),
  behavior: z.string(),
  invert: flag,
});

const sequenceSchema = z.looseObject({
  type: z.literal('Sequence'),
  pretokenizers: z.array(z.looseObject({ type: z.string() })),
});

/** Whether a value, parsed from JSON, is meant to be such a file. */
export const isHuggingFace = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && 'model' in value && typeof value.model === 'object';

/** @param from what to call the file. @throws UserError where it is damaged, or has what would change ids and is not had here */
export function readHuggingFace(value: unknown, from: string): Tokenizer {
  const file = valid(fileSchema, value, from);
  if (file.model.type !== 'BPE') throw refusal(from, `the model ${file.model.type}`);
  const model = valid(bpeSchema, file.model, from, ['model']);
  const refused = refusedParts(file, model);
  if (refused !== undefined) throw refusal(from, refused);
  const pattern = patternOf(file.pre_tokenizer, from);

  const { parts, rest } = fromNames({ ids: model.vocab, merges: model.merges });
  const special = (file.added_tokens ?? []).map(({ content, id }): [string, number] => [content, id]);
  const added = new Map(special);
  for (const [name, id] of rest)
    if (added.get(name) !== id)
      throw new UserError(
        `${from} cannot be read: no merge makes its token ${JSON.stringify(name)}, and it is not among the added ones with that id.`,
      );
  if (model.ignore_merges && !allMakeThemselves(new BytePairs(parts)))
    throw refusal(from, 'tokens that its merges do not make, which ignore_merges gives whole');
  return fromDescription({
    format: DESCRIPTION_FORMAT,
    kind: 'bytePairs',
    pattern,
    byteIds: parts.byteIds.slice(),
    merges: parts.merges.map(([left, right], rank) => [left, right, parts.mergeIds[rank] ?? 0]),
    special,
  });
}

/** @throws UserError for a pattern that Hugging Face would read otherwise, or where names are not clear */
export function writeHuggingFace(tokenizer: BasicTokenizer | RegexTokenizer): string {
  const { pairs, special } = tokenizer;
  const { ids, merges } = toNames(pairs);
  const vocab = new Map(ids);
  for (const [text, id] of special) {
    if ((vocab.get(text) ?? id) !== id)
      throw new UserError(
        `the special token ${JSON.stringify(text)} has the name of another token, as Hugging Face writes them: give it another name.`,
      );
    // In the vocabulary too: the id of one that is only added is not read but counted, which gaps would put wrong.
    vocab.set(text, id);
  }
  const byId = [...vocab].toSorted(([, a], [, b]) => a - b);
  const { model, ...file } = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: [...special]
      .toSorted(([, a], [, b]) => a - b)
      .map(([content, id]) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
    normalizer: null,
    pre_tokenizer: preTokenizer(tokenizer instanceof BasicTokenizer ? null : tokenizer.pattern),
    post_processor: byteLevel(true),
    decoder: byteLevel(true),
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
    },
  };
  const modelText = `${JSON.stringify(model).slice(0, -1)},"vocab":${namesToJson(byId)},"merges":${JSON.stringify(
    // As strings: older versions read no pairs.
    merges.map((merge) => merge.join(' ')),
  )}}`;
  return `${JSON.stringify(file).slice(0, -1)},"model":${modelText}}\n`;
}

const byteLevel = (useRegex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

function preTokenizer(pattern: string | null): unknown {
  if (pattern === null) return byteLevel(false);
  if (pattern === GPT2_PATTERN) return byteLevel(true);
  if (POSSESSIVE_INTERVAL.test(pattern))
    throw new UserError(
      'Hugging Face reads "{1,3}+" in a pattern as many times one to three: train with a pattern without the "+", which cuts the same.',
    );
  return {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
      byteLevel(false),
    ],
  };
}

/** In Oniguruma, which it uses, an interval is repeated by a "+" after it; elsewhere that makes it possessive. */
const POSSESSIVE_INTERVAL = /\{\d*,?\d*\}\+/;

/** The pattern that a text is cut by; null if it is not cut. */
function patternOf(value: File['pre_tokenizer'], from: string): string | null {
  if (value === null || value === undefined) throw refusal(from, 'no pre-tokenizer, and so no bytes');
  const sequence = sequenceSchema.safeParse(value);
  const steps = sequence.success ? sequence.data.pretokenizers : [value];
  const other = steps.find(({ type }) => type !== 'ByteLevel' && type !== 'Split');
  if (other !== undefined) throw refusal(from, `the pre-tokenizer ${other.type}`);
  const last = byteLevelSchema.safeParse(steps.at(-1));
  if (!last.success) throw refusal(from, 'a pre-tokenizer that does not end with ByteLevel');
  if (last.data.add_prefix_space) throw refusal(from, 'add_prefix_space');
  if (steps.length === 1) return last.data.use_regex ? GPT2_PATTERN : null;
  if (steps.length > 2 || last.data.use_regex) throw refusal(from, 'more than one pattern');
  const split = splitSchema.safeParse(steps[0]);
  if (!split.success) throw refusal(from, 'a Split without a regular expression');
  const { pattern, behavior, invert } = split.data;
  // Where the pattern covers every text, nothing lies between its matches, and to drop that is to keep all.
  const keepsAll =
    (behavior === 'Isolated' && !invert) || (behavior === 'Removed' && invert && isScanned(pattern.Regex));
  if (!keepsAll) throw refusal(from, `a Split with the behavior ${behavior}${invert ? ', inverted' : ''}`);
  if (POSSESSIVE_INTERVAL.test(pattern.Regex)) throw refusal(from, 'an interval with a "+" after it in its pattern');
  return pattern.Regex;
}

/** The first part that would change ids. */
function refusedParts(file: File, model: z.infer<typeof bpeSchema>): string | undefined {
  const { normalizer, decoder, added_tokens: added } = file;
  const isEmpty =
    normalizer?.type === 'Sequence' && Array.isArray(normalizer.normalizers) && normalizer.normalizers.length === 0;
  if (normalizer && !isEmpty) return `the normalizer ${normalizer.type}`;
  if (decoder && decoder.type !== 'ByteLevel') return `the decoder ${decoder.type}`;
  for (const name of ['truncation', 'padding'] as const)
    if (file[name] !== null && file[name] !== undefined) return name;
  for (const token of added ?? [])
    for (const name of ['single_word', 'lstrip', 'rstrip'] as const)
      if (token[name]) return `the added token ${JSON.stringify(token.content)} with ${name}`;
  if (model.dropout) return 'dropout';
  if (model.continuing_subword_prefix) return 'continuing_subword_prefix';
  if (model.end_of_word_suffix) return 'end_of_word_suffix';
  return model.byte_fallback ? 'byte_fallback' : undefined;
}

/** Whether each token's bytes are encoded as that token: then to look for whole chunks first, `ignore_merges`, changes nothing. */
function allMakeThemselves(pairs: BytePairs): boolean {
  const list = new IdList();
  return pairs.mergeIds.every((id) => {
    const bytes = pairs.bytesOf(id) ?? new Uint8Array(0);
    list.truncate(0);
    pairs.encode(bytes, 0, bytes.length, list);
    return list.length === 1 && list.at(0) === id;
  });
}

const refusal = (from: string, what: string): UserError =>
  new UserError(
    `${from} has ${what}, which is not supported and would change its ids: give a byte-level BPE tokenizer.json without it.`,
  );

function valid<T>(schema: z.ZodType<T>, value: unknown, from: string, within: readonly string[] = []): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const at = [...within, ...(result.error.issues[0]?.path ?? [])].join('.');
  throw new UserError(
    `${from} is damaged: ${at === '' ? 'it' : `its ${at}`} is not as Hugging Face writes it in a tokenizer.json.`,
  );
}
