/**
 * Loads the code of user-defined models in Node: as a module of its own, whose `manygrad` is this very process's, so that
 * both speak of the same Tensor. Code is run as it is: whoever loads it trusts it.
 */
import { registerHooks } from 'node:module';
import { UserError } from '../core/errors.ts';
import { isRegistered, type ModelDefinition, parseDefinition, registerModel } from './custom.ts';
import type { ModelSpec } from './model.ts';

/** The built package has .js files where the sources have .ts. */
const OURS = new URL(import.meta.url.endsWith('.ts') ? '../index.ts' : '../index.js', import.meta.url).href;

let hooked = false;

function hook(): void {
  if (hooked) return;
  hooked = true;
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'manygrad' ? { url: OURS, shortCircuit: true } : next(specifier, context),
  });
}

/** Runs a model file's code. @param from what to call it in an error. @throws UserError if it exports no model */
export async function loadCode(code: string, from: string): Promise<ModelDefinition> {
  hook();
  let exported: unknown;
  try {
    const module: { default?: unknown } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    exported = module.default;
  } catch (error) {
    throw new UserError(`${from} fails as it is loaded (${error instanceof Error ? error.message : String(error)}).`);
  }
  const definition = parseDefinition(exported);
  if (typeof definition === 'string')
    throw new UserError(
      `${from} exports no model by default (${definition}): see docs/config.md for how to define one.`,
    );
  registerModel(code, definition);
  return definition;
}

/** Makes a spec's model ready to be built, whatever its kind. */
export async function loadModel(model: Pick<ModelSpec, 'name'> & { title?: string; code?: string }): Promise<void> {
  if (model.name !== 'custom' || model.code === undefined || isRegistered(model.code)) return;
  await loadCode(model.code, model.title ?? 'the model');
}
