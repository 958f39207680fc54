/** The public API: what a model file imports from `manygrad`. */
export * from './core/nn/index.ts';
export * from './core/tensor/index.ts';
export { defineModel, type ModelDefinition } from './models/custom.ts';
