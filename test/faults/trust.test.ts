/** Who may come back after a lie, and when; and what a run with `--verify` does while nobody is there who may verify. */
import { afterAll, afterEach, expect, test } from 'vitest';
import { addToken } from '../../coordinator/door/tokenFile.ts';
import { CloseCode } from '../../core/protocol/messages.ts';
import { Attacker, type Closed, endAttackers } from '../support/attackers.ts';
import { endAll, refused } from '../support/cli.ts';
import { get, samples } from '../support/scrape.ts';
import { flipped } from './lies.ts';
import { Stage, type StagedRun } from './stage.ts';

const stage = new Stage(4);

afterEach(async () => {
  endAttackers();
  await endAll();
});
afterAll(stage.remove);

const lying = (run: StagedRun, name: string, token?: string) =>
  new Attacker(run.url, { name, ...(token === undefined ? {} : { token }) }, async (work, self) =>
    self.answer(await flipped(await self.honest(work))),
  );

/** It was let in no further than to be told how long it is to stay away. */
function expectTurnedAway({ code, reason, farewell }: Closed): void {
  expect(code).toBe(CloseCode.misbehaved);
  expect(reason).toMatch(/^it is to stay away for another \d+ s$/);
  expect(farewell).toMatchObject({ reason });
  expect(farewell?.seconds).toBeGreaterThan(0);
  expect(farewell?.seconds).toBeLessThanOrEqual(600);
  expect(reason).toContain(` ${farewell?.seconds} s`);
}

test('a liar that comes back at once is told for how long it is to stay away; others at its address are let in', async () => {
  const tokens = stage.path('tokens.json');
  const honest = addToken(tokens, 'honest', true);
  const [crooked, straight] = [addToken(tokens, 'crooked', false), addToken(tokens, 'straight', false)];
  const run = await stage.run('--threads', '0', '--tokens', tokens, '--verify', 'all');
  run.worker('honest', honest);
  await run.joined('honest');
  const stranger = lying(run, 'stranger');
  const known = lying(run, 'known', crooked);
  for (const { closed } of [stranger, known]) expect((await closed).farewell).toMatchObject({ seconds: 600 });
  // By the shared token it is known by its name, by its own by that, whatever it calls itself.
  for (const attacker of [lying(run, 'stranger'), lying(run, 'known', crooked), lying(run, 'renamed', crooked)]) {
    expectTurnedAway(await attacker.closed);
    expect(attacker.leases).toBe(0);
  }
  expect(samples((await get(run.port, '/metrics')).text).get('manygrad_refusals_total{reason="cooling-down"}')).toBe(3);
  const another = run.worker('another');
  const others = [['fourth'], ['straight', straight]] as const;
  for (const [name, token = 't'] of others)
    new Attacker(run.url, { name, token }, async (work, self) => self.answer(await self.honest(work)));
  for (const name of ['another', 'fourth', 'straight'])
    await run.cli.until(() => run.told('checked', name).some(({ agreed }) => agreed === true));
  await run.goesOn(3);
  await run.end();
  await stage.expectClean(run);
  expect(run.cli.events.filter((e) => e.event === 'expelled').length).toBe(2);
  expect(another.events.filter((e) => e.event === 'sentAway')).toEqual([]);
}, 120_000);

test('with --verify and nobody trusted the run says so and waits, whatever strangers say, until somebody comes', async () => {
  const tokens = stage.path('tokens-2.json');
  const token = addToken(tokens, 'honest', true);
  const run = await stage.run('--threads', '0', '--tokens', tokens, '--verify', 'all');
  // One that finds no finite numbers is an honest worker's word that training has run away, or a lie.
  for (let i = 0; i < 3; i++) {
    const attacker = new Attacker(run.url, { name: 'nan' }, (work, self) =>
      self.answer({ ...self.plausible(work), gradient: new Float32Array(12_097).fill(Number.NaN) }),
    );
    expect((await attacker.closed).reason).toBe('it sent a gradient that is not finite');
    expect(attacker.sent).toBe(1);
  }
  run.worker('stranger');
  const { reason } = await run.cli.until((e) => e.event === 'unverifiable');
  expect(reason).toMatch(/no worker is here that is trusted to do that: start one .*manygrad token add NAME --trusted/);
  expect(run.stretches).toEqual([[]]);
  run.worker('honest', token);
  await run.goesOn(5);
  expect(run.told('checked', 'stranger').length).toBeGreaterThan(0);
  await run.end();
  await stage.expectClean(run);
}, 120_000);

test('with --verify and nobody who ever could, it does not begin', async () => {
  await refused(
    ['train', 'names-mlp', '--out', stage.path('never'), '--verify', '--threads', '0', '--listen', '127.0.0.1:0'],
    /--verify leaves nobody who may compute again/,
  );
}, 60_000);
