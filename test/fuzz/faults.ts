/** Subjects that break one promise each, at one piece in fifty: by them harness.test.ts sees that a fuzz would tell. */
import type { Subject } from './subject.ts';
import { thrown } from './subject.ts';

const FAULTY = 7;

const faults: Readonly<Record<string, () => unknown>> = {
  'never returns': () => {
    for (;;);
  },
  'allocates what was announced': () => new Uint8Array(2 ** 32),
  'allocates, and swallows that it may not': () => {
    try {
      return new Float32Array(2 ** 28);
    } catch {
      return null;
    }
  },
  'makes room for a list of what was announced': () => new Array(2 ** 27),
  'takes memory in many small objects': () => Array.from([1, 2, 3], () => [...'x'.repeat(100_000)].map((x) => ({ x }))),
  'takes all memory': () => {
    // In small objects alone: Node gives a thread that is out of memory 16 MB to end in, and a long list's next piece of memory is more.
    let all: unknown = null;
    for (;;) all = { all, more: [...'abc'] };
  },
  'throws an error of another kind': () => Reflect.get(Object(undefined), 'x').y,
  'rejects with one': () => Promise.reject(new TypeError('not a UserError')),
  'changes every object': () => Reflect.set(Object.prototype, 'polluted', true),
  'ends the process': () => process.exit(0),
};

export const faultySubjects: readonly Subject[] = Object.entries(faults).map(([name, fault]) => ({
  name,
  heapEach: 70,
  mutations: [],
  make: (draws) => ({ pieces: [Uint8Array.of(draws.oneIn(50) ? FAULTY : 0)], mutations: ['none'] }),
  open: () => ({
    take: ([first]) => (first === FAULTY ? fault() : null),
    allowance: () => 4096,
    judge(_, outcome) {
      if ('error' in outcome) throw thrown(outcome.error);
      return { label: 'taken', over: true };
    },
  }),
}));
