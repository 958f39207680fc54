/**
 * Module: a tree of layers that owns parameters (trained) and buffers (running statistics), found by walking its fields
 * as torch.nn.Module does, so that names come out as PyTorch's.
 *
 * A module holds no numbers until `place` (flat.ts) gives it storage.
 */
import type { Shape } from '../tensor/shape.ts';
import { type Storage, Tensor } from '../tensor/tensor.ts';
import type { Init } from './init.ts';

/** A tensor that belongs to a module and outlives a step; its storage is a slice of a flat vector. */
abstract class Owned extends Tensor {
  readonly init: Init;
  constructor(shape: Shape, init: Init, requiresGrad: boolean) {
    super(null, shape, { requiresGrad });
    this.init = init;
  }
  /** Puts this tensor's elements where a flat vector says. */
  place(storage: Storage): void {
    this.storage = storage;
  }
}

/** Trained: has a gradient, is updated by the optimizer. */
export class Parameter extends Owned {
  #gradient: Tensor | null = null;

  constructor(shape: Shape, init: Init) {
    super(shape, init, true);
  }

  /** Puts this parameter's gradient, too, where a flat vector says. It has one from now on. */
  placeGrad(gradient: Tensor): void {
    this.#gradient = gradient;
    this.grad = gradient;
  }

  override newGrad(): Tensor {
    return this.#gradient ?? super.newGrad();
  }
}

/** Kept but not trained: running statistics. */
export class ModuleBuffer extends Owned {
  constructor(shape: Shape, init: Init) {
    super(shape, init, false);
  }
}

export abstract class Module {
  /** In training mode batch norm uses the batch's statistics and dropout drops. */
  training = true;

  abstract forward(x: Tensor): Tensor;

  /** Sets training (or, with false, evaluation) mode on this module and all below it. */
  train(mode = true): this {
    for (const [, module] of this.namedModules()) module.training = mode;
    return this;
  }

  eval(): this {
    return this.train(false);
  }

  /** This module ('') and all below it, depth first, in field order. */
  *namedModules(prefix = ''): Generator<[string, Module]> {
    yield [prefix, this];
    for (const [name, value] of Object.entries(this)) {
      const path = prefix === '' ? name : `${prefix}.${name}`;
      if (value instanceof Module) yield* value.namedModules(path);
      else if (Array.isArray(value))
        for (const [i, item] of value.entries()) if (item instanceof Module) yield* item.namedModules(`${path}.${i}`);
    }
  }

  namedParameters(): [string, Parameter][] {
    return this.owned((value) => value instanceof Parameter);
  }

  namedBuffers(): [string, ModuleBuffer][] {
    return this.owned((value) => value instanceof ModuleBuffer);
  }

  /** Fields of one kind throughout the tree; a tensor that stands in two places (tied weights) is listed once. */
  private owned<T>(is: (value: unknown) => value is T): [string, T][] {
    const found = new Map<T, string>();
    for (const [prefix, module] of this.namedModules())
      for (const [name, value] of Object.entries(module))
        if (is(value) && !found.has(value)) found.set(value, prefix === '' ? name : `${prefix}.${name}`);
    return [...found].map(([value, name]) => [name, value]);
  }
}
