/** The fuzz of what an operator's page sends: a JSON text a case. */
import { isDeepStrictEqual } from 'node:util';
import { type FromOperator, fromOperatorSchema, parseFromOperator } from '../../core/protocol/live.ts';
import { byteMutations } from './byteMutations.ts';
import type { Draws } from './draws.ts';
import { json, writeJson } from './json.ts';
import { type Case, JSON_HEAP_EACH, type Subject, thrown, Violation } from './subject.ts';
import { toValue, treeMutations, type Value } from './values.ts';

const makers: { readonly [Kind in FromOperator['kind']]: (draws: Draws) => FromOperator & { kind: Kind } } = {
  open: (draws) => ({ kind: 'open', key: draws.text(draws.small(256)) }),
  pause: (draws) => ({ kind: 'pause', id: draws.small(2 ** 31) }),
  resume: (draws) => ({ kind: 'resume', id: draws.small(2 ** 31) }),
  checkpoint: (draws) => ({ kind: 'checkpoint', id: draws.small(2 ** 31) }),
  stop: (draws) => ({ kind: 'stop', id: draws.small(2 ** 31) }),
  kick: (draws) => ({ kind: 'kick', id: draws.small(2 ** 31), worker: draws.between(-1, 1000) }),
  sample: (draws) => ({
    kind: 'sample',
    id: draws.small(2 ** 31),
    prompt: draws.text(draws.small(2000)),
    temperature: draws.between(1, 100) / 10,
    length: draws.between(1, 2000),
  }),
};

function make(draws: Draws): Case {
  const root: Value[] = [toValue(draws.pick(Object.values(makers))(draws))];
  const mutations: string[] = [];
  const times = draws.oneIn(16) ? 0 : 1 + draws.small(3);
  const early = draws.below(times + 1);
  for (let i = 0; i < early; i++) {
    const name = draws.pick(Object.keys(treeMutations));
    if (treeMutations[name](root, draws, json)) mutations.push(name);
  }
  let text = writeJson(root[0]);
  for (let i = early; i < times && text.length > 0; i++) {
    const name = draws.pick(Object.keys(byteMutations));
    text = byteMutations[name](text, draws);
    mutations.push(name);
  }
  return { pieces: [text], mutations };
}

export const operator: Subject = {
  name: 'operator',
  heapEach: JSON_HEAP_EACH,
  mutations: [treeMutations, byteMutations].flatMap(Object.keys),
  make,
  open: ({ mutations }) => ({
    take: (text) => parseFromOperator(Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString()),
    allowance: (text) => 4096 + 16 * text.length,
    judge(_, outcome) {
      if ('error' in outcome) throw thrown(outcome.error);
      const message = outcome.value as FromOperator | null;
      if (message === null) {
        if (mutations.length === 0) throw new Violation('an honest text was refused');
        return { label: 'refused', over: true };
      }
      const again = fromOperatorSchema.safeParse(structuredClone(message));
      if (!isDeepStrictEqual(again.data, message)) throw new Violation('what came does not satisfy the schema');
      return { label: `message: ${message.kind}`, over: true };
    },
  }),
};
