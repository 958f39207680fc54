/** Reads a file of test/fixtures: what PyTorch computed, by name. */
import { readFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { decodeSafetensors } from '../../core/checkpoint/safetensors.ts';

export class Fixture {
  readonly #tensors: Map<string, { shape: readonly number[]; data: unknown }>;

  private constructor(bytes: Uint8Array) {
    this.#tensors = new Map(decodeSafetensors(bytes).tensors.map((t) => [t.name, t]));
  }

  static async open(name: string): Promise<Fixture> {
    return new Fixture(await readFile(new URL(`../fixtures/${name}`, import.meta.url)));
  }

  names(): string[] {
    return [...this.#tensors.keys()];
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  floats(name: string): Float32Array {
    const data = this.#tensors.get(name)?.data;
    if (!(data instanceof Float32Array)) throw new Error(`the fixture has no f32 tensor ${name}`);
    return data;
  }

  ints(name: string): Int32Array {
    const data = this.#tensors.get(name)?.data;
    if (!(data instanceof Int32Array)) throw new Error(`the fixture has no i32 tensor ${name}`);
    return data;
  }

  shape(name: string): readonly number[] {
    return this.#tensors.get(name)?.shape ?? [];
  }
}

/** Expects got to be within `absolute` + `relative` · |want| of want, element by element; tells the worst if not. */
export function expectClose(
  name: string,
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { absolute = 0, relative = 0 }: { absolute?: number; relative?: number },
): void {
  expect(got.length, `${name}: length`).toBe(want.length);
  for (let i = 0; i < want.length; i++) {
    const error = Math.abs(got[i] - want[i]);
    const bound = absolute + relative * Math.abs(want[i]);
    if (!(error <= bound)) expect.fail(`${name}[${i}] is ${got[i]}, not ${want[i]} ± ${bound}`);
  }
}
