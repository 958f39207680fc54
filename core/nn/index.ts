/** What the nn room offers: modules, layers, initialisers, and their flat vectors. */
export * from './dropout.ts';
export * from './flat.ts';
export { watchForward } from './hooks.ts';
export * as init from './init.ts';
export { BatchNorm1d, Embedding, FlattenConsecutive, Linear, Sequential, Tanh } from './layers.ts';
export { Module, ModuleBuffer, Parameter } from './module.ts';
export { initialiseAsNotebook } from './notebook.ts';
export * from './runningStatistics.ts';
export type { KeyDifferences, StateDict, StateEntry } from './stateDict.ts';
export { GELU, LayerNorm, ReLU, Sigmoid } from './transformerLayers.ts';
