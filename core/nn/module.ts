/**
 * Module: a tree of layers that owns parameters (trained) and buffers (running statistics), found by walking its fields
 * as torch.nn.Module does, so that names come out as PyTorch's.
 *
 * A module holds no numbers until `place` (flat.ts) gives it storage.
 */
import type { Shape } from '../tensor/shape.ts';
import { type Storage, Tensor } from '../tensor/tensor.ts';
import type { Init } from './init.ts';
import { type KeyDifferences, readState, type StateDict, writeState } from './stateDict.ts';

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

  /**
   * Copies of all parameters and buffers by name, as torch.nn.Module.state_dict: a tensor that stands in two places (tied
   * weights) is there under both names. @throws Error if the module has not been placed.
   */
  async stateDict(): Promise<StateDict> {
    return readState(this.state());
  }

  /**
   * Writes a state dict's values over the parameters and buffers, as torch.nn.Module.load_state_dict; a tied tensor need be
   * there under one name alone, as checkpoints hold it. Nothing is written if anything is wrong.
   * @param options.strict false leaves alone what is missing and ignores what is unexpected
   * @throws UserError naming every key that is missing, unexpected or of another shape
   */
  loadStateDict(state: StateDict, options: { strict?: boolean } = {}): KeyDifferences {
    return writeState(this.state(), state, options.strict ?? true);
  }

  /** Every parameter and buffer under every name: of each module its parameters, its buffers, then the modules below. */
  private state(): [string, Parameter | ModuleBuffer][] {
    const found: [string, Parameter | ModuleBuffer][] = [];
    for (const [prefix, module] of this.namedModules())
      for (const kind of [Parameter, ModuleBuffer])
        for (const [name, value] of Object.entries(module))
          if (value instanceof kind) found.push([prefix === '' ? name : `${prefix}.${name}`, value]);
    return found;
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
