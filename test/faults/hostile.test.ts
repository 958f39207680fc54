/**
 * Peers that break the rules of the protocol, one after the other, in one run with an honest worker: each is dropped for what it
 * did, and the run ends with the bits of a clean one. Nothing is verified here (`--verify off`): this much is promised of any run.
 */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { encodeFrames } from '../../core/protocol/frames.ts';
import { CloseCode, resultMessage } from '../../core/protocol/messages.ts';
import type { Result, Work } from '../../core/protocol/work.ts';
import { Stream } from '../../core/random/streams.ts';
import { Attacker, endAttackers } from '../support/attackers.ts';
import { type Cli, endAll } from '../support/cli.ts';
import { workersOf } from '../support/ledger.ts';
import { Stage, type StagedRun } from './stage.ts';

const MICRO_BATCHES = 4;
const stage = new Stage(MICRO_BATCHES);
let run: StagedRun;
let honest: Cli;

beforeAll(async () => {
  run = await stage.run('--threads', '0');
  honest = run.worker('honest');
  await run.joined('honest');
}, 60_000);
afterEach(endAttackers);
afterAll(async () => {
  await endAll();
  stage.remove();
});

/** What it does with a lease of a training step, and how many it has had before. */
type Attack = (attacker: Attacker, work: Work, turn: number) => void | Promise<void>;

const answering =
  (change: (r: Result) => Partial<Result>): Attack =>
  (attacker, work) => {
    const right = attacker.plausible(work);
    attacker.answer({ ...right, ...change(right) });
  };
const withNumber = (length: number, value: number) => new Float32Array(length).fill(value, length - 1);
/** A result for other micro-batches than those of the lease, of the form that it should have. */
const ofBlock = (change: (work: Work) => { lo: number; size: number }): Attack =>
  answering(({ round, lo, size, losses, counts, gradient, statistics }) => {
    const block = change({ round, lo, size } as Work);
    const covered = Math.min(MICRO_BATCHES, block.lo + block.size) - block.lo;
    return {
      ...{ round, ...block, gradient },
      losses: new Array<number>(covered).fill(losses[0] as number),
      counts: new Array<number>(covered).fill(counts[0] as number),
      statistics: new Float32Array((covered * statistics.length) / counts.length).fill(1),
    };
  });

/** Results of honest work that are kept to be sent once more. */
const kept = new Map<Attacker, Result>();

const NOT_HELD = /^it answered a lease that it did not hold/;
/** Of a peer that holds no lease at the moment, no result is even read. */
const NOT_HELD_OR_NOT_READ = /a lease that it did not hold|of at most 0/;

/** An honest worker, too, sends such numbers where training has run away: the first of a step may come back at once. */
const RUNAWAY = [CloseCode.misbehaved, CloseCode.goingAway];

const attacks: Record<string, { attack: Attack; reason: RegExp; codes?: number[] }> = {
  'random bytes': {
    attack: ({ socket }) => socket.send(new Uint8Array(new Stream(7, 1).uint32s(1000).buffer)),
    reason: /^it sent a /,
  },
  'a text message': { attack: ({ socket }) => socket.send('hello'), reason: /^it sent a text message/ },
  'a truncated frame': {
    attack: (attacker, work) => {
      const [first] = encodeFrames(resultMessage(attacker.plausible(work)));
      attacker.socket.send((first as Uint8Array).subarray(0, 20));
    },
    reason: /^it sent a header cut short/,
  },
  'an oversize frame': {
    attack: ({ socket }) => socket.send(new Uint8Array(1024 * 1024), () => undefined),
    reason: /^it sent a malformed WebSocket frame \(Max payload size exceeded\)/,
    codes: [1009],
  },
  'an oversize message in fragments': {
    attack: ({ socket }) => {
      for (let i = 0; i < 8; i++) socket.send(new Uint8Array(100 * 1024), { fin: i === 7 }, () => undefined);
    },
    reason: /^it sent a malformed WebSocket frame \(Max payload size exceeded\)/,
    codes: [1009],
  },
  'a message in thousands of fragments': {
    attack: ({ socket }) => {
      for (let i = 0; i < 5000; i++) socket.send(new Uint8Array(1), { fin: i === 4999 }, () => undefined);
    },
    reason: /^it sent a malformed WebSocket frame \(Too many message fragments\)/,
    codes: [1008],
  },
  'a second hello': { attack: (attacker) => attacker.hello(), reason: /^it sent a second hello/ },
  'signs of progress without end': {
    attack: (attacker, { round, lo, size }) => {
      for (let i = 0; i < 5000; i++) attacker.send({ header: { kind: 'progress', round, lo, size }, parts: [] });
    },
    reason: /^it sent more than its leases justify/,
  },
  'a gradient of the wrong length': {
    attack: answering((r) => ({ gradient: r.gradient.subarray(1) })),
    reason: /a gradient of 12096 numbers instead of 12097/,
  },
  'a gradient that is far too long': {
    attack: answering((r) => ({ gradient: new Float32Array(10 * r.gradient.length) })),
    reason: /of at most/,
  },
  'a gradient with NaN': {
    attack: answering((r) => ({ gradient: withNumber(r.gradient.length, Number.NaN) })),
    reason: /a gradient that is not finite/,
    codes: RUNAWAY,
  },
  'a gradient with infinity': {
    attack: answering((r) => ({ gradient: withNumber(r.gradient.length, Number.NEGATIVE_INFINITY) })),
    reason: /a gradient that is not finite/,
    codes: RUNAWAY,
  },
  'a loss that is NaN': {
    attack: answering((r) => ({ losses: r.losses.map(() => Number.NaN) })),
    reason: /loss|header/,
  },
  'statistics with NaN': {
    attack: answering((r) => ({ statistics: withNumber(r.statistics.length, Number.NaN) })),
    reason: /statistics that are not finite/,
    codes: RUNAWAY,
  },
  'another count of examples': {
    attack: answering((r) => ({ counts: r.counts.map((c) => c + 1) })),
    reason: /other examples/,
  },
  'a result of a step to come': { attack: answering((r) => ({ round: r.round + 1 })), reason: NOT_HELD },
  'a stale result, of a step that is over': {
    attack: async (attacker, work, turn) => {
      if (turn > 0) return attacker.answer(kept.get(attacker) as Result);
      kept.set(attacker, await attacker.honest(work));
      attacker.answer(kept.get(attacker) as Result);
    },
    reason: NOT_HELD_OR_NOT_READ,
  },
  'the same result twice': {
    attack: async (attacker, work) => {
      const result = await attacker.honest(work);
      for (let i = 0; i < 2; i++) attacker.answer(result);
    },
    reason: NOT_HELD_OR_NOT_READ,
  },
  'the whole step, of which it holds a part': {
    attack: ofBlock(() => ({ lo: 0, size: MICRO_BATCHES })),
    reason: NOT_HELD,
  },
  'micro-batches that begin within its own': {
    attack: ofBlock(({ lo, size }) => ({ lo: lo + (size > 1 ? 1 : 0), size: size > 1 ? size : 2 })),
    reason: NOT_HELD,
  },
  'micro-batches that do not exist': {
    attack: ofBlock(({ size }) => ({ lo: MICRO_BATCHES, size })),
    reason: NOT_HELD,
  },
};

describe('without --verify, dropped for', () => {
  test.each(Object.entries(attacks))(
    '%s',
    async (name, { attack, reason, codes = [CloseCode.misbehaved] }) => {
      let turn = 0;
      const attacker = new Attacker(run.url, { name }, async (work, self) => {
        if (work.mode === 'train') await attack(self, work, turn++);
      });
      const left = await run.left(name);
      expect(turn).toBeGreaterThan(0);
      expect(left).toMatch(reason);
      const { code, farewell } = await attacker.closed;
      expect(codes).toContain(code);
      if (code === CloseCode.misbehaved) expect(farewell).toMatchObject({ seconds: 10, reason: left });
      await run.goesOn(1);
    },
    60_000,
  );
});

test('and after all of them the run has the bits of a clean one, and the honest worker knows of nothing', async () => {
  expect(run.cli.events.flatMap((e) => (e.event === 'expelled' ? [e.cause] : []))).toEqual(
    expect.arrayContaining(['malformed', 'wrong-form', 'not-finite', 'not-leased']),
  );
  await run.end();
  await stage.expectClean(run);
  // What two of them computed honestly before they broke the rules may count.
  const unexpected = workersOf(run.out);
  for (const name of ['honest', 'the same result twice', 'a stale result, of a step that is over'])
    unexpected.delete(name);
  expect([...unexpected]).toEqual([]);
  expect(run.told('expelled', 'honest')).toEqual([]);
  expect(honest.events.flatMap((e) => (e.event === 'sentAway' ? [e] : []))).toEqual([]);
}, 120_000);
