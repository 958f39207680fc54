/** Messages of every kind, drawn. */
import fc from 'fast-check';
import type { Header, Message } from '../../core/protocol/messages.ts';

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
export const header: fc.Arbitrary<Header> = fc.oneof(
  fc.record({
    kind: fc.constant('result' as const),
    round: fc.nat(),
    lo: fc.nat(),
    size: fc.integer({ min: 1 }),
    losses: fc.array(finite),
    counts: fc.array(fc.nat()),
  }),
  fc.record({
    kind: fc.constant('state' as const),
    id: fc.string({ minLength: 1, maxLength: 64 }),
    version: fc.oneof(fc.nat(), fc.maxSafeNat()),
    params: fc.nat(),
    buffers: fc.nat(),
    offset: fc.maxSafeNat(),
  }),
  fc.record({
    kind: fc.constant('hello' as const),
    token: fc.string({ maxLength: 256, unit: 'grapheme' }).map((s) => s.slice(0, 256)),
    name: fc.string({ minLength: 1, maxLength: 64 }),
    agent: fc.constantFrom('remote' as const, 'tab' as const),
    slots: fc.integer({ min: 1, max: 1024 }),
    numerics: fc.string({ maxLength: 64 }),
    holds: fc.oneof(
      fc.constant(null),
      fc.record({ version: fc.nat(), hash: fc.string({ maxLength: 64 }) }),
      fc.record({ id: fc.string({ maxLength: 64 }), received: fc.nat() }),
    ),
  }),
  fc.record({
    kind: fc.constant('farewell' as const),
    seconds: fc.double({ min: 0, max: 86_400, noNaN: true }),
    reason: fc.string({ maxLength: 256 }),
  }),
  fc.record({ kind: fc.constant('progress' as const), round: fc.nat(), lo: fc.nat(), size: fc.integer({ min: 1 }) }),
  fc.record({
    kind: fc.constant('news' as const),
    phase: fc.constantFrom('training' as const, 'paused' as const),
    step: fc.nat(),
    loss: fc.option(finite),
    valLoss: fc.option(finite),
    secondsLeft: fc.option(finite),
    workers: fc.nat(),
    yours: fc.nat(),
    all: fc.nat(),
    sample: fc.option(fc.record({ step: fc.nat(), text: fc.string() })),
  }),
  fc.record({
    kind: fc.constant('welcome' as const),
    run: fc.string(),
    model: fc.constantFrom({}, { name: 'mlp', hidden: 200, nested: { list: [1, -1, 2 ** 40, 1.5, null, true] } }),
  }),
);
export const smallMessage: fc.Arbitrary<Message<Header>> = fc.record({
  header,
  parts: fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 8 }),
});
