/** Forward hooks, as torch's register_forward_hook: to look at what layers give, not to change it. */
import type { Tensor } from '../tensor/index.ts';
import type { Module } from './module.ts';

/**
 * Has every module below `model` (itself left out) tell its output, as it is called. @returns undoes it
 */
export function watchForward(model: Module, saw: (name: string, module: Module, output: Tensor) => void): () => void {
  const watched: Module[] = [];
  for (const [name, module] of model.namedModules()) {
    if (module === model) continue;
    // The instance's own property comes before the class's method, until it is deleted.
    Object.defineProperty(module, 'forward', {
      configurable: true,
      value: (x: Tensor): Tensor => {
        const y = Object.getPrototypeOf(module).forward.call(module, x) as Tensor;
        saw(name, module, y);
        return y;
      },
    });
    watched.push(module);
  }
  return () => {
    for (const module of watched) Reflect.deleteProperty(module, 'forward');
  };
}
