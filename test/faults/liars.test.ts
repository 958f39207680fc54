/**
 * Workers that keep to the protocol and lie: their results have the right form and are not what their micro-batches give. All at
 * once in one run, in which one honest worker is trusted: each is found out, sent away, and leaves nothing behind. What is promised
 * depends on `--verify`; the tests say what.
 */
import { afterAll, afterEach, expect, test } from 'vitest';
import { addToken } from '../../coordinator/door/tokenFile.ts';
import { CloseCode } from '../../core/protocol/messages.ts';
import { Attacker, endAttackers } from '../support/attackers.ts';
import { endAll } from '../support/cli.ts';
import { workersOf } from '../support/ledger.ts';
import { LivePage } from '../support/livePage.ts';
import { Copier, flipped, type Lie, replayed, scaled, wrongLosses, wrongStatistics, zeros } from './lies.ts';
import { Stage, type StagedRun } from './stage.ts';

const stage = new Stage(16);
const tokens = stage.path('tokens.json');
const trusted = addToken(tokens, 'honest', true);

afterEach(async () => {
  endAttackers();
  await endAll();
});
afterAll(stage.remove);

/** @param honestly results before its first lie */
function liar(run: StagedRun, name: string, lie: Lie, honestly = 0): Attacker {
  return new Attacker(run.url, { name }, async (work, self) => {
    const honest = await self.honest(work);
    self.answer(self.sent < honestly ? honest : await lie(honest));
  });
}

/** A liar is sent away for its lie, for ten minutes. */
async function expectFoundOut(run: StagedRun, attacker: Attacker): Promise<void> {
  const reason = await run.left(attacker.name);
  expect(reason, attacker.name).toBe('its result was not what the same micro-batches gave another worker');
  expect(run.told('expelled', attacker.name)).toMatchObject([{ cause: 'lied', reason }]);
  expect(run.told('checked', attacker.name).at(-1)).toMatchObject({ agreed: false });
  expect(await attacker.closed).toMatchObject({ code: CloseCode.misbehaved, farewell: { seconds: 600, reason } });
  expect(attacker.sent).toBeGreaterThan(0);
}

test.each(['all', 'adaptive'])(
  'with --verify %s, whoever lies from the start is found out within ten results, and leaves nothing',
  async (verify) => {
    const run = await stage.run(...['--threads', '0', '--tokens', tokens, '--verify', verify, '--min-workers', '9']);
    run.worker('honest', trusted);
    const { give, copy } = new Copier();
    liar(run, 'accomplice', give);
    const liars = [
      liar(run, 'scaled by 100', scaled),
      liar(run, 'of the wrong sign', flipped),
      liar(run, 'all zeros', zeros),
      liar(run, 'wrong losses', wrongLosses),
      liar(run, 'wrong statistics', wrongStatistics),
      liar(run, 'an old gradient in a new result', replayed()),
      liar(run, 'copied from another', copy),
    ];
    for (const attacker of liars) {
      await expectFoundOut(run, attacker);
      expect(attacker.sent, attacker.name).toBeLessThanOrEqual(10);
    }
    const page = await LivePage.open(run.port, 'k', '/live');
    await page.until((s) => s?.workers.some((w) => w.name === 'accomplice' && w.verified > 0) === true);
    await run.goesOn(3);
    await run.end();
    await stage.expectClean(run);
    const counted = workersOf(run.out);
    expect(counted.has('honest')).toBe(true);
    for (const { name } of liars) expect(counted.has(name), name).toBe(false);
    // Who told the truth to one that did not was doubted too, and is still there.
    expect(run.told('expelled', 'accomplice')).toEqual([]);
    expect(run.told('checked', 'accomplice').length).toBeGreaterThan(0);
    expect(run.told('checked', 'accomplice').every(({ agreed }) => agreed === true)).toBe(true);
    if (verify === 'all') expect([...counted]).toEqual(['honest']);
  },
  120_000,
);

test('without --verify, gradients of a size beyond belief are found out by a trusted worker, at first or later', async () => {
  const run = await stage.run('--threads', '0', '--tokens', tokens, '--min-workers', '5');
  run.worker('honest', trusted);
  const liars = [
    liar(run, 'scaled by 100', scaled),
    liar(run, 'all zeros', zeros),
    liar(run, 'scaled by 100, later', scaled, 12),
    liar(run, 'all zeros, later', zeros, 12),
  ];
  for (const attacker of liars) await expectFoundOut(run, attacker);
  for (const { name } of liars.slice(2))
    expect(run.told('checked', name).filter(({ agreed }) => !agreed).length).toBe(1);
  await run.goesOn(3);
  await run.end();
  await stage.expectClean(run);
  // What they had done honestly before counts, and is right.
  const counted = workersOf(run.out);
  expect(liars.map(({ name }) => counted.has(name))).toEqual([false, false, true, true]);
}, 120_000);

test('without --verify and with nobody trusted, the other workers find them out', async () => {
  const run = await stage.run('--threads', '0');
  for (const name of ['one', 'two']) run.worker(name);
  await Promise.all([run.joined('one'), run.joined('two')]);
  await run.goesOn(3);
  for (const [name, lie] of Object.entries({ scaled, zeros })) await expectFoundOut(run, liar(run, name, lie, 3));
  await run.goesOn(3);
  await run.end();
  await stage.expectClean(run);
  for (const name of ['one', 'two']) expect(run.told('expelled', name)).toEqual([]);
}, 120_000);
