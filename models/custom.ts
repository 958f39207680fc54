/**
 * Models that users define in a file of their own: what such a file must export, and the definitions that this process has
 * loaded, by their code. How code is loaded is another's business: loadCode.ts's in Node, the bundle's in a tab.
 */
import * as z from 'zod';
import type { DataKind } from '../core/data/dataset.ts';
import type { Module } from '../core/nn/index.ts';

/** What a model file exports by default. */
export interface ModelDefinition {
  /** Lines: the token after a context of a line, logits [N, vocabSize]. Text: the next at every place, [N, T, vocabSize]. */
  readonly learnsFrom: DataKind;
  /** Tokens of context. */
  readonly blockSize: number;
  /** The model; its `forward` takes token ids [N, blockSize]. Called on every worker: it must always build the same. */
  readonly build: (sizes: { readonly vocabSize: number; readonly blockSize: number }) => Module;
  /** Fields of the recipe that suit it: steps, batch, optimizer, ...; see docs/config.md. */
  readonly recipe?: Readonly<Record<string, unknown>>;
}

/** Checks a definition's types where it is written; changes nothing. */
export function defineModel(definition: ModelDefinition): ModelDefinition {
  return definition;
}

/** A model's code travels in the header of a message. */
export const MAX_CODE = 64 * 1024;

export const customSchema = z.strictObject({
  name: z.literal('custom'),
  /** The file's name, for people. */
  title: z.string().max(100),
  learnsFrom: z.enum(['lines', 'text']),
  blockSize: z.int().positive(),
  /** The bundled file: JavaScript that imports nothing but `manygrad`. */
  code: z.string().max(MAX_CODE),
  vocabSize: z.int().positive(),
});

const definitionSchema = z.looseObject({
  learnsFrom: z.enum(['lines', 'text']),
  blockSize: z.int().positive(),
  build: z.custom<ModelDefinition['build']>((value) => typeof value === 'function', 'Invalid input: expected function'),
  recipe: z.record(z.string(), z.unknown()).optional(),
});

/** Checks what a model file exports. @returns the definition, or what is wrong with it */
export function parseDefinition(exported: unknown): ModelDefinition | string {
  const parsed = definitionSchema.safeParse(exported);
  if (!parsed.success) return z.prettifyError(parsed.error).replaceAll(/\s*\n\s*/g, ' ');
  const { recipe, ...rest } = parsed.data;
  return recipe === undefined ? rest : { ...rest, recipe };
}

const loaded = new Map<string, ModelDefinition>();

/** Makes a definition known by its code. */
export function registerModel(code: string, definition: ModelDefinition): void {
  loaded.set(code, definition);
}

export const isRegistered = (code: string): boolean => loaded.has(code);

/** The model of a spec whose code has been loaded. Throws if it has not. */
export function custom({ code, vocabSize, blockSize }: z.infer<typeof customSchema>): Module {
  const definition = loaded.get(code);
  if (definition === undefined) throw new Error("the model's code has not been loaded");
  return definition.build({ vocabSize, blockSize });
}
