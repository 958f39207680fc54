/**
 * How much memory code asks for, counted where it asks: in this thread, arrays and buffers are made by constructors that
 * count, and that refuse a request beyond what is allowed before it is granted. So 4 GB announced and allocated is seen, and
 * costs nothing. What else grows, strings and objects, is seen in the heap's size.
 *
 * Importing this file changes the thread's globals: only thread.ts does, before it imports the code under test.
 */
import { getHeapStatistics } from 'node:v8';

/** Thrown where too much is asked for; the code under test may swallow it. */
class ExcessiveAllocation extends Error {
  override readonly name = 'ExcessiveAllocation';
}

let armed = false;
let asked = 0;
let allowed = Infinity;

function ask(bytes: unknown): void {
  if (!armed || typeof bytes !== 'number' || !(bytes > 0)) return;
  asked += bytes;
  if (asked > allowed) throw new ExcessiveAllocation(`${asked} bytes asked for, of at most ${allowed}`);
}

type Constructor = new (...args: never[]) => object;

/** The same constructor, which counts what a first argument that is a number asks for. */
function counting<T extends Constructor>(of: T, bytesEach: number): T {
  const itself: T = new Proxy(of, {
    apply(target, receiver, args) {
      ask(Number(args[0]) * bytesEach);
      return Reflect.apply(target as unknown as () => unknown, receiver, args);
    },
    construct(target, args: unknown[], newTarget) {
      if (typeof args[0] === 'number') ask(args[0] * bytesEach);
      return Reflect.construct(target, args, newTarget === itself ? target : newTarget);
    },
  });
  return itself;
}

const typedArrays = [
  ...['Float64Array', 'BigInt64Array', 'BigUint64Array', 'Float32Array', 'Int32Array', 'Uint32Array'],
  ...['Int16Array', 'Uint16Array', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray'],
];
for (const name of [...typedArrays, 'ArrayBuffer', 'SharedArrayBuffer', 'Array']) {
  const original: Constructor & { BYTES_PER_ELEMENT?: number } = Reflect.get(globalThis, name);
  const bytesEach = name === 'Array' ? 8 : (original.BYTES_PER_ELEMENT ?? 1);
  Reflect.set(globalThis, name, counting(original, bytesEach));
}
for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
  const original = Buffer[name].bind(Buffer);
  Buffer[name] = (...args: Parameters<typeof Buffer.alloc>) => {
    ask(args[0]);
    return original(...args);
  };
}

interface Spent {
  /** Bytes asked for of arrays and buffers. */
  readonly asked: number;
  /** Bytes that heap and buffers grew by; 0 or less where garbage was collected meanwhile. */
  readonly grown: number;
}

const size = (): number => {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return used_heap_size + external_memory;
};

/** Begins to count. @param most what may be asked for until `spent`: a request beyond it is refused */
export function begin(most: number): () => Spent {
  asked = 0;
  allowed = most;
  const before = size();
  armed = true;
  return () => {
    armed = false;
    return { asked, grown: size() - before };
  };
}
