/**
 * First values as the lectures' notebooks draw them: one PyTorch generator for all of a model's parameters, in their order,
 * weights of linear layers as [in, out], since the notebooks write x @ W. From published seeds come published numbers.
 *
 * PyTorch's normals are made with a cosine and a logarithm: these are the engine's, so that engines may differ in a last bit.
 * A run draws them once, on its coordinator.
 */
import type { TorchGenerator } from '../random/torch.ts';
import { bufferLayout, type FirstValues, parameterLayout } from './flat.ts';
import type { Draws } from './init.ts';
import { Linear } from './layers.ts';
import type { Module } from './module.ts';

/** Draws a model's first values from `generator`, which stands after them then. */
export function initialiseAsNotebook(model: Module, generator: TorchGenerator): FirstValues {
  const draws: Draws = { normals: (n) => generator.randn(n), uniforms: (n) => generator.rand(n) };
  const transposed = new Set<unknown>();
  for (const [, module] of model.namedModules()) if (module instanceof Linear) transposed.add(module.weight);
  const params = new Float32Array(parameterLayout(model).length);
  let at = 0;
  for (const [, p] of model.namedParameters()) {
    const values = new Float32Array(p.numel);
    p.init(values, draws);
    const [rows = 1, columns = 1] = p.shape;
    params.set(transposed.has(p) ? transpose(values, columns, rows) : values, at);
    at += values.length;
  }
  const buffers = new Float32Array(bufferLayout(model).length);
  at = 0;
  for (const [, b] of model.namedBuffers()) {
    b.init(buffers.subarray(at, at + b.numel), draws);
    at += b.numel;
  }
  return { params, buffers };
}

/** A matrix [rows, columns] as [columns, rows]. */
function transpose(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) out[c * rows + r] = values[r * columns + c] as number;
  return out;
}
