/**
 * The models by name: what a recipe or a coordinator may ask for, checked, and built.
 *
 * One file a model beside this (the bigram's is in its lecture's folder); a new model is one import and one line in each of
 * the tables here.
 */
import * as z from 'zod';
import type { DataKind } from '../core/data/dataset.ts';
import { UserError } from '../core/errors.ts';
import type { Module } from '../core/nn/index.ts';
import { bigram, bigramSchema } from './bigram/model.ts';
import { custom, customSchema } from './custom.ts';
import { deepMlp, deepMlpSchema } from './deepMlp.ts';
import { gpt, gptSchema, headsFit } from './gpt.ts';
import { gptLadder, gptLadderSchema } from './gptLadder.ts';
import { mlp, mlpSchema } from './mlp.ts';
import { wavenet, wavenetSchema } from './wavenet.ts';

export const modelSpecSchema = z.discriminatedUnion('name', [
  bigramSchema.extend({ name: z.literal('bigram') }),
  mlpSchema.extend({ name: z.literal('mlp') }),
  deepMlpSchema.extend({ name: z.literal('deep-mlp') }),
  wavenetSchema.extend({ name: z.literal('wavenet') }),
  gptSchema.extend({ name: z.literal('gpt') }).refine(headsFit.check, headsFit.params),
  gptLadderSchema.extend({ name: z.literal('gpt-ladder') }).refine(headsFit.check, headsFit.params),
  customSchema,
]);

/** A model's name and sizes: all that is needed to build it, on any worker. */
export type ModelSpec = z.infer<typeof modelSpecSchema>;

/** A model's sizes without those that the data decides. */
export const modelChoiceSchema = z.discriminatedUnion('name', [
  bigramSchema.omit({ vocabSize: true }).extend({ name: z.literal('bigram') }),
  mlpSchema.omit({ vocabSize: true }).extend({ name: z.literal('mlp') }),
  deepMlpSchema.omit({ vocabSize: true }).extend({ name: z.literal('deep-mlp') }),
  wavenetSchema.omit({ vocabSize: true }).extend({ name: z.literal('wavenet') }),
  gptSchema
    .omit({ vocabSize: true })
    .extend({ name: z.literal('gpt') })
    .refine(headsFit.check, headsFit.params),
  gptLadderSchema
    .omit({ vocabSize: true })
    .extend({ name: z.literal('gpt-ladder') })
    .refine(headsFit.check, headsFit.params),
  customSchema.omit({ vocabSize: true }),
]);

/** What each model learns from: the token after a context of a line, or the next at every place of a window of text. */
export function learnsFrom(model: z.infer<typeof modelChoiceSchema>): DataKind {
  switch (model.name) {
    case 'bigram':
    case 'mlp':
    case 'deep-mlp':
    case 'wavenet':
      return 'lines';
    case 'gpt':
    case 'gpt-ladder':
      return 'text';
    case 'custom':
      return model.learnsFrom;
    default:
      return model satisfies never;
  }
}

/** What to call a model. */
export const titleOf = (model: z.infer<typeof modelChoiceSchema>): string =>
  model.name === 'custom' ? model.title : model.name;

/** The model of a spec, without storage: see `place`. A custom one's code must have been loaded. */
export function buildModel(spec: ModelSpec): Module {
  switch (spec.name) {
    case 'bigram':
      return bigram(spec);
    case 'mlp':
      return mlp(spec);
    case 'deep-mlp':
      return deepMlp(spec);
    case 'wavenet':
      return wavenet(spec);
    case 'gpt':
      return gpt(spec);
    case 'gpt-ladder':
      return gptLadder(spec);
    case 'custom':
      return custom(spec);
    default:
      return spec satisfies never;
  }
}

/** Checks a spec from elsewhere. @throws UserError if this version knows no such model. */
export function parseModelSpec(value: unknown): ModelSpec {
  const parsed = modelSpecSchema.safeParse(value);
  if (!parsed.success)
    throw new UserError(
      `this version of manygrad cannot build the model asked for (${z.prettifyError(parsed.error).replaceAll('\n', ' ')}): install the version that the run was started with.`,
    );
  return parsed.data;
}
