/**
 * A captured step: its kernel calls as one flat list in WebAssembly's memory, replayed by one call (core/kernels/replay.ts)
 * without a return to JavaScript or anything for its garbage collector. Its workspace is what lies free above the arena's
 * top, so that programs that run one after the other share it.
 */
import type { Program } from '../backend.ts';
import type { Arena } from './arena.ts';
import { type KernelExports, type KernelName, SIGNATURES } from './exports.ts';
import { fuseActivations } from './fuse.ts';
import { planMemory } from './plan.ts';
import type { Call, Place, Recorder } from './recorder.ts';

const ALIGNMENT = 16;
const NUMBERS = new Map(Object.keys(SIGNATURES).map((name, i) => [name, i]));

/** A step's own buffer: from and to which call it is used, and what other one it turned out to be. */
interface Used {
  length: number;
  first: number;
  last: number;
  alias: Used | null;
}

export class WasmProgram implements Program {
  readonly calls: number;
  readonly workspace: number;
  readonly #arena: Arena;
  readonly #kernels: KernelExports;
  readonly #code: number;
  readonly #codeLength: number;
  /** Words that hold an address in the workspace, and the addresses from its start in bytes. */
  readonly #relocations: readonly (readonly [word: number, offset: number])[];
  readonly #names: readonly KernelName[];
  readonly #at: readonly number[];
  /** The workspace that the code was last written for, in elements. */
  #base = -1;

  /** Takes the list of calls from the recorder, and memory for it from the arena. */
  constructor(recorder: Recorder, kernels: KernelExports, arena: Arena) {
    this.#arena = arena;
    this.#kernels = kernels;
    const { calls, used } = elideCopies(recorder, fuseActivations(recorder.calls));
    const roots = [...new Set(used.filter((u) => u.last >= 0).map(rootOf))];
    const plan = planMemory(roots, ALIGNMENT);
    const offsetOf = new Map(roots.map((root, i) => [root, plan.offsets[i] * 4]));
    const words = calls.reduce((sum, { args }) => sum + 1 + args.length, 0);
    const ints = new Int32Array(words);
    const floats = new Float32Array(ints.buffer);
    const relocations: [number, number][] = [];
    const at: number[] = [];
    let word = 0;
    for (const { name, args } of calls) {
      at.push(word);
      ints[word++] = (NUMBERS.get(name) ?? 0) | ((1 + args.length) << 8);
      for (const [i, arg] of args.entries()) {
        const place = kindOf(name, i) === '*' ? recorder.placeOf(Number(arg)) : null;
        const constant = place === null ? undefined : recorder.constants.get(place.buffer);
        if (kindOf(name, i) === '~') floats[word] = Number(arg);
        else if (place === null) ints[word] = Number(arg);
        else if (constant !== undefined) ints[word] = constant * 4 + place.offset;
        else relocations.push([word, (offsetOf.get(rootOf(used[place.buffer])) ?? 0) + place.offset]);
        word++;
      }
    }
    this.calls = calls.length;
    this.workspace = plan.length * 4;
    this.#relocations = relocations;
    this.#names = calls.map(({ name }) => name);
    this.#at = at;
    this.#codeLength = words;
    this.#code = arena.alloc(words);
    arena.i32.set(ints, this.#code);
  }

  run(): void {
    const base = this.#arena.mark();
    if (base !== this.#base) this.#moveTo(base);
    const code = this.#code * 4;
    // The module counts addresses as unsigned, JavaScript sees them signed.
    const stopped = this.#kernels.replay(code, code + 4 * this.#codeLength) >>> 0;
    if (stopped === 0) return;
    const name = this.#names[this.#at.indexOf(stopped / 4 - this.#code)];
    throw new RangeError(`${name}: an id, a target or a probability is out of range in a captured step`);
  }

  #moveTo(base: number): void {
    // Grows the memory where it has to; what is given out by that is free again at once.
    this.#arena.alloc(this.workspace / 4);
    this.#arena.release(base);
    for (const [word, offset] of this.#relocations) this.#arena.i32[this.#code + word] = base * 4 + offset;
    this.#base = base;
  }
}

function kindOf(name: KernelName, i: number): string | undefined {
  return SIGNATURES[name][i]?.[0];
}

function rootOf(used: Used): Used {
  let root = used;
  while (root.alias !== null) root = root.alias;
  return root;
}

/**
 * The calls without those that copy a whole buffer which nothing uses afterwards into one that nothing has used before: the
 * two become one. Most are gradients handed on unchanged, by a view or by one side of an addition.
 */
function elideCopies(recorder: Recorder, made: readonly Call[]): { calls: Call[]; used: Used[] } {
  const used: Used[] = recorder.lengths.map((length) => ({ length, first: -1, last: -1, alias: null }));
  for (const [t, call] of made.entries())
    for (const { buffer } of placesOf(recorder, call)) {
      const u = used[buffer];
      if (u.first < 0) u.first = t;
      u.last = t;
    }
  const calls = made.filter((call, t) => {
    const copied = wholeCopy(recorder, call);
    if (copied === null) return true;
    const [dst, src] = [used[copied.dst], rootOf(used[copied.src])];
    const same =
      dst.length === copied.length && used[copied.src].length === copied.length && src.length === copied.length;
    if (!same || dst.first !== t || src.last !== t || rootOf(dst) === src) return true;
    dst.alias = src;
    src.last = dst.last;
    return false;
  });
  return { calls, used };
}

function placesOf(recorder: Recorder, { name, args }: Call): Place[] {
  return args.flatMap((arg, i) => {
    const place = kindOf(name, i) === '*' ? recorder.placeOf(Number(arg)) : null;
    return place === null || recorder.constants.has(place.buffer) ? [] : [place];
  });
}

/** The two of the step's own buffers from whose starts a call copies, or null if that is not what it does. */
function wholeCopy(recorder: Recorder, { name, args }: Call): { dst: number; src: number; length: number } | null {
  const copies = name === 'copy' || (name === 'scale' && args[3] === 1 && args[4] === false);
  if (!copies) return null;
  const [dst, src] = [recorder.placeOf(Number(args[0])), recorder.placeOf(Number(args[1]))];
  if (dst === null || src === null || dst.offset !== 0 || src.offset !== 0 || dst.buffer === src.buffer) return null;
  if (recorder.constants.has(dst.buffer) || recorder.constants.has(src.buffer)) return null;
  return { dst: dst.buffer, src: src.buffer, length: Number(args[2]) };
}
